/* filter_json_geo.c — areas: geo_bounding_box, geo_radius, geo_polygon. */
#include "filter/filter_json_inner.h"

#include <math.h>
#include <string.h>

#define RING_POINTS_MIN 4 /* a triangle, closed */

static varve_status parse_coordinate(const json_t *point, const json_place *at, const char *key,
                                     double limit, double *ret, varve_error *err)
{
    json_place place = place_key(at, key);
    double d;
    VV_TRY(json_read_double(json_object_get(point, key), &place, &d, err));
    if (!(fabs(d) <= limit)) return json_fail(&place, err, "%g is beyond ±%g", d, limit);
    *ret = d;
    return VARVE_OK;
}

static varve_status parse_point(const json_t *json, const json_place *at, geo_point *ret,
                                varve_error *err)
{
    static const char *const keys[] = {"lon", "lat", NULL};
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(parse_coordinate(json, at, keys[0], 180, &ret->lon, err));
    return parse_coordinate(json, at, keys[1], 90, &ret->lat, err);
}

static varve_status parse_box(filter *f, const json_t *json, const json_place *at, filter_geo *geo,
                              varve_error *err)
{
    static const char *const keys[] = {"top_left", "bottom_right", NULL};
    json_place top_left = place_key(at, keys[0]), bottom_right = place_key(at, keys[1]);
    geo_point a, b;
    (void)f;
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(parse_point(json_object_get(json, keys[0]), &top_left, &a, err));
    VV_TRY(parse_point(json_object_get(json, keys[1]), &bottom_right, &b, err));
    geo->low = (geo_point){a.lon, b.lat};
    geo->high = (geo_point){b.lon, a.lat};
    return VARVE_OK;
}

static varve_status parse_radius(filter *f, const json_t *json, const json_place *at,
                                 filter_geo *geo, varve_error *err)
{
    static const char *const keys[] = {"center", "radius", NULL};
    json_place center = place_key(at, keys[0]), radius = place_key(at, keys[1]);
    (void)f;
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(parse_point(json_object_get(json, keys[0]), &center, &geo->center, err));
    return json_read_double(json_object_get(json, keys[1]), &radius, &geo->radius_m, err);
}

/* ---- polygons ------------------------------------------------------------------------------ */

static varve_status parse_ring(filter *f, const json_t *json, const json_place *at, geo_ring *ret,
                               varve_error *err)
{
    static const char *const keys[] = {"points", NULL};
    json_place place = place_key(at, keys[0]);
    void *memory;
    VV_TRY(json_check_keys(json, at, keys, err));
    const json_t *list = json_object_get(json, keys[0]);
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < RING_POINTS_MIN)
        return json_expected(&place, "a list of four points or more", err);
    VV_TRY(
        json_placed(&place, arena_take(&f->memory, count, sizeof(geo_point), &memory, err), err));
    geo_point *points = memory;
    for (size_t i = 0; i < count; i++) {
        json_place at_point = place_index(&place, i);
        VV_TRY(parse_point(json_array_get(list, i), &at_point, &points[i], err));
    }
    if (points[0].lon != points[count - 1].lon || points[0].lat != points[count - 1].lat)
        return json_fail(&place, err, "the last point is not the first one again");
    *ret = (geo_ring){points, count};
    return VARVE_OK;
}

static varve_status parse_polygon(filter *f, const json_t *json, const json_place *at,
                                  filter_geo *geo, varve_error *err)
{
    static const char *const keys[] = {"exterior", "interiors", NULL};
    json_place exterior = place_key(at, keys[0]), interiors = place_key(at, keys[1]);
    void *memory;
    VV_TRY(json_check_keys(json, at, keys, err));
    const json_t *holes = json_member(json, keys[1]);
    size_t count = json_array_size(holes);
    if (holes && !json_is_array(holes)) return json_expected(&interiors, "a list", err);
    VV_TRY(json_placed(at, arena_take(&f->memory, count + 1, sizeof(geo_ring), &memory, err), err));
    geo_ring *rings = memory;
    VV_TRY(parse_ring(f, json_object_get(json, keys[0]), &exterior, &rings[0], err));
    for (size_t i = 0; i < count; i++) {
        json_place place = place_index(&interiors, i);
        VV_TRY(parse_ring(f, json_array_get(holes, i), &place, &rings[i + 1], err));
    }
    geo->rings = rings;
    geo->ring_count = count + 1;
    return VARVE_OK;
}

varve_status json_geo_parse(filter *f, filter_node *leaf, const json_t *json, const json_place *at,
                            varve_error *err)
{
    switch (leaf->op) {
    case FILTER_GEO_BOX: return parse_box(f, json, at, &leaf->geo, err);
    case FILTER_GEO_RADIUS: return parse_radius(f, json, at, &leaf->geo, err);
    default: return parse_polygon(f, json, at, &leaf->geo, err);
    }
}
