"""The weights that linking starts with, version 1, until a partner's own data fit better ones.

Fitted on the people with even numbers of three public files (Febrl 3, fake_1000
and historical_dev: the geometric mean of m and of u over the files), rounded
to tenths of a bit; what no file holds is judgement and says so.
"""

from __future__ import annotations

from typing import Final

from anonymiser.linker.weights import LevelWeight, LinkWeights

_LEVELS: Final = {
    "address": {
        "line": 860,
        "most words": 740,
        "some words": 340,
        "differs": -250,
    },
    "born_on": {
        "exact": 1270,
        "swap": 610,
        "near": 490,
        "yd": 160,
        "md": 90,
        "ym": 80,
        "differs": -330,
    },
    "email": {
        "equal": 1650,
        "differs": -110,
    },
    "family_name": {
        "swapped": 940,
        "exact": 840,
        "letters": 840,
        "near and first3": 810,
        "near": 770,
        "near and sound": 770,
        "half": 640,
        "sound and first3": 560,
        "sound": 390,
        "soundex": 300,
        "first3": 290,
        "initial": -220,
        "differs": -340,
    },
    "given_name": {
        "swapped": 940,
        "letters": 770,
        "letters, other name": 720,
        "near and first3": 710,
        "near and sound": 690,
        "near": 680,
        "exact": 660,
        "moved": 580,
        "sound and first3": 510,
        "near and first3, other name": 490,
        "first3": 430,
        "near and sound, other name": 420,
        "near, other name": 420,
        "soundex": 360,
        "moved, other name": 340,
        "half": 320,
        "sound and first3, other name": 280,
        "sound": 190,
        "nickname": 140,
        "sound, other name": 70,
        "initial": 30,
        "first3, other name": -50,
        "soundex, other name": -170,
        "differs": -270,
        "initial, other name": -350,
        "differs, other name": -550,
    },
    "postcode": {
        "exact": 1320,
        "near": 680,
        "outcode": 620,
        "differs": -230,
    },
    "sex": {
        "equal": 30,
        "differs": -160,
    },
    "middle_names": {
        "exact": 400,
        "initial": 100,
        "differs": -50,
    },
    "known_as": {
        "equal": 300,
    },
    "uprn": {
        "equal": 1200,
    },
    "phone": {
        "equal": 1000,
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
