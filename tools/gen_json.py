#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Generates JSON that looks like the answer of a web service; a seed always
gives the same text.

It has nested records, repeated names, short and long strings, and numbers.  The
benchmark's json workload reads it in addition to real files.
"""

import argparse
import json
import random

WORDS = ("in the of and to a is that for it as was with be by on not he his but at are this have "
         "from or had an they "
         "which one you were all her she there would their we him been has when who will no more "
         "if out so up said "
         "what its about than into them can only other time new some could these two may first "
         "then do any like my "
         "now over such our man me even most made after also well did many before must years back "
         "through").split()
STATES = ("new", "open", "paid", "sent", "done", "void")
CURRENCIES = ("EUR", "USD", "CHF", "JPY")


def words(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def person(rng):
    return {"id": rng.randint(1, 10**6), "name": words(rng, 1, 3).title(),
            "age": rng.randint(18, 99),
            "email": f"{rng.choice(WORDS)}{rng.randint(1, 999)}@example.org",
            "tags": [rng.choice(WORDS) for _ in range(rng.randint(0, 6))],
            "geo": {"lat": round(rng.uniform(-90, 90), 4), "lon": round(rng.uniform(-180, 180), 4)},
            "ok": rng.random() < 0.9}


def order(rng, number):
    return {"id": number, "state": rng.choice(STATES), "cur": rng.choice(CURRENCIES),
            "total": round(rng.expovariate(1 / 80), 2), "who": person(rng),
            "items": [{"sku": f"{rng.randrange(16**8):08x}", "n": rng.randint(1, 9),
                       "eur": rng.randint(1, 500)} for _ in range(rng.randint(1, 8))],
            "note": words(rng, 5, 60) if rng.random() < 0.2 else None, "v": 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kib", type=int, default=4096, help="minimal size (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    size, number, parts = 0, 0, []
    while size < options.kib * 1024:
        number += 1
        parts.append(json.dumps(order(rng, number), separators=(",", ":")))
        size += len(parts[-1]) + 1
    print('{"orders":[' + ",\n".join(parts) + "]}")


if __name__ == "__main__":
    main()
