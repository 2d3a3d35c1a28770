"""What varve-compactor is linked with: no row store, no HTTP, and no call that would take it to a
network. The second program does have them, which shows that this would see them.

    check_links.py COMPACTOR OTHER"""

import re
import subprocess
import sys

LIBRARIES = re.compile(r"rocksdb|curl|microhttpd|libssl|libcrypto|gnutls|libvarve\.so")
SYMBOLS = re.compile(
    r"\b(rocksdb_\w+|curl_\w+|MHD_\w+|listen|bind|accept4?|getaddrinfo|gethostbyname\w*"
    r"|inet_pton|inet_aton|res_\w*query)(@|\b)"
)


def lines(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def offences(program):
    for line in lines("ldd", program):
        if LIBRARIES.search(line):
            yield f"{program}: loads {line.split()[0]}"
    for line in lines("nm", "-D", "--undefined-only", program):
        found = SYMBOLS.search(line)
        if found:
            yield f"{program}: calls {found.group(1)}"


def main():
    compactor, other = sys.argv[1:]
    found = list(offences(compactor))
    for line in found:
        print(line)
    if not any(True for _ in offences(other)):
        print(f"{other}: nothing was seen there either, so nothing was looked for")
        return 1
    print(f"links of varve-compactor: {len(found)} offences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
