/* filter_geo.c — points on the globe: in a box, near a point, in a polygon. The edge of an area is
 * outside it, but for a polygon's, where it depends on rounding.
 *
 * Source  haversine: R. W. Sinnott, "Virtues of the Haversine" (1984); polygons: crossings of a ray
 *         (M. Shimrat, 1962), on the plane of longitude and latitude. */
#include "filter/filter.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

#define EARTH_RADIUS_M 6371008.8
#define RADIANS        (M_PI / 180)

static bool is_key(varve_text raw, const char *name)
{
    char plain[4];
    size_t len = raw.len;
    if (len == 3 && memcmp(raw.data, name, 3) == 0) return true;
    return memchr(raw.data, '\\', raw.len) && value_unescape(raw, plain, sizeof plain, &len) &&
           len == 3 && memcmp(plain, name, 3) == 0;
}

static bool read_number(varve_text raw, double limit, double *ret)
{
    buffer no_scratch = {0}; /* numbers need none */
    const char *at = raw.data;
    value v;
    if (raw.len == 0 || *at == '"' || !value_read(&at, at + raw.len, &no_scratch, &v)) return false;
    if (!value_is_number(&v)) return false;
    *ret = v.kind == VALUE_INT ? (double)v.integer : v.kind == VALUE_UINT ? (double)v.big : v.real;
    return fabs(*ret) <= limit;
}

bool filter_geo_point(varve_text object, geo_point *ret)
{
    const char *at = object.data;
    varve_text key, raw;
    geo_point p;
    bool lon = false, lat = false;
    if (object.len < 2 || *at != '{') return false;
    while (!(lon && lat) && json_next_member(&at, object.data + object.len, &key, &raw)) {
        if (is_key(key, "lon") && !(lon = read_number(raw, 180, &p.lon))) return false;
        if (is_key(key, "lat") && !(lat = read_number(raw, 90, &p.lat))) return false;
    }
    if (lon && lat) *ret = p;
    return lon && lat;
}

static double haversine_m(geo_point a, geo_point b)
{
    double half_lat = sin((b.lat - a.lat) * RADIANS / 2);
    double half_lon = sin((b.lon - a.lon) * RADIANS / 2);
    double h =
        half_lat * half_lat + cos(a.lat * RADIANS) * cos(b.lat * RADIANS) * half_lon * half_lon;
    return 2 * EARTH_RADIUS_M * asin(sqrt(fmin(h, 1)));
}

static bool in_box(const filter_geo *g, geo_point p)
{
    bool east = p.lon > g->low.lon, west = p.lon < g->high.lon;
    bool across = g->low.lon > g->high.lon;
    return p.lat > g->low.lat && p.lat < g->high.lat && (across ? east || west : east && west);
}

static bool in_ring(const geo_ring *ring, geo_point p)
{
    bool inside = false;
    for (size_t i = 1; i < ring->count; i++) {
        geo_point a = ring->points[i - 1], b = ring->points[i];
        if ((a.lat > p.lat) == (b.lat > p.lat)) continue;
        if (p.lon < (b.lon - a.lon) * (p.lat - a.lat) / (b.lat - a.lat) + a.lon) inside = !inside;
    }
    return inside;
}

static bool in_polygon(const filter_geo *g, geo_point p)
{
    if (g->ring_count == 0 || !in_ring(&g->rings[0], p)) return false;
    for (size_t i = 1; i < g->ring_count; i++)
        if (in_ring(&g->rings[i], p)) return false;
    return true;
}

bool filter_geo_contains(const filter_node *leaf, geo_point p)
{
    switch (leaf->op) {
    case FILTER_GEO_BOX: return in_box(&leaf->geo, p);
    case FILTER_GEO_RADIUS: return haversine_m(leaf->geo.center, p) < leaf->geo.radius_m;
    case FILTER_GEO_POLYGON: return in_polygon(&leaf->geo, p);
    default: return false;
    }
}
