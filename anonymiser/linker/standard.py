"""The weights that linking starts with, version 1, until a partner's own data fit better ones.

Fitted on the people with even numbers of three public files (Febrl 3, fake_1000
and historical_dev: the geometric mean of m and of u over the files), rounded
to tenths of a bit; what no file holds is judgement and says so.
"""

from __future__ import annotations

from typing import Final

from anonymiser.linker.weights import LevelWeight, LinkWeights

_LEVELS: Final = {
    "given_name": {
        "swapped": 1280,
        "near and sound, unlisted": 1020,
        "near and first3, unlisted": 1010,
        "near, unlisted": 820,
        "letters, unlisted": 820,
        "letters": 790,
        "near and first3": 730,
        "exact": 730,
        "near and sound": 700,
        "near": 680,
        "letters, other name": 640,
        "sound and first3": 600,
        "spelling": 580,
        "moved, unlisted": 570,
        "first3, unlisted": 560,
        "near and first3, other name": 550,
        "moved": 520,
        "near and sound, other name": 450,
        "sound, unlisted": 440,
        "alias": 400,
        "near, other name": 370,
        "first3": 370,
        "sound and first3, other name": 320,
        "moved, other name": 300,
        "nickname": 280,
        "sound": 250,
        "initial, unlisted": 140,
        "half": 500,
        "abbreviated": 300,
        "initial": 10,
        "sound, other name": -20,
        "first3, other name": -30,
        "differs, unlisted": -350,
        "differs": -370,
        "initial, other name": -380,
        "differs, other name": -660,
    },
    "family_name": {
        "swapped": 1280,
        "letters": 870,
        "exact": 840,
        "near and first3": 810,
        "half": 800,
        "near and sound": 780,
        "near": 740,
        "sound and first3": 640,
        "sound": 390,
        "first3": 300,
        "initial": -200,
        "differs": -410,
    },
    "born_on": {
        "exact": 1300,
        "swap": 870,
        "exact, new year's day": 800,
        "near": 510,
        "near, new year's day": 200,
        "year": 150,
        "md": 140,
        "yd": 130,
        "ym": 0,
        "differs": -450,
        "md, new year's day": -450,
    },
    "postcode": {
        "exact": 1410,
        "near": 640,
        "outcode": 100,
        "differs": -250,
    },
    "address": {
        "line": 1360,
        "most words": 760,
        "some words": 290,
        "differs": -290,
    },
    "middle_names": {
        "exact": 500,
        "initial": 100,
        "differs": -200,
    },
    "known_as": {
        "equal": 300,
    },
    "uprn": {
        "equal": 1200,
        "differs": -150,
    },
    "phone": {
        "equal": 1000,
        "differs": -100,
    },
    "email": {
        "equal": 1400,
        "differs": -100,
    },
    "handle": {
        "equal": 1200,
    },
    "vehicle_mark": {
        "equal": 800,
    },
    "account": {
        "equal": 1200,
    },
    "imei": {
        "equal": 1000,
    },
    "sex": {
        "equal": 60,
        "differs": -300,
    },
}

WEIGHTS: Final = LinkWeights(
    version=1,
    levels=tuple(
        LevelWeight(field=field, level=level, centibits=centibits)
        for field, levels in _LEVELS.items()
        for level, centibits in levels.items()
    ),
    threshold=1650,
    review_threshold=1000,
    population=5000,
)
