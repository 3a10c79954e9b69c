"""The layouts that others convert to: 68 points of iBUG and the five points of face detectors."""

from __future__ import annotations

from parface_bench.faces.layout import Layout

IBUG68 = Layout(
    "ibug68",
    points=68,
    flip="16-0,26-17,27-30,35-31,45-42,47-46,39-36,41-40,54-48,59-55,64-60,67-65",
    regions={"jaw": "0-16", "brows": "17-26", "nose": "27-35", "eyes": "36-47", "mouth": "48-67"},
    edges=["0-16", "17-21", "22-26", "27-30", "31-35", "36-41,36", "42-47,42", "48-59,48", "60-67,60"],
    right="0-7,17-21,31-32,36-41,48-50,58-59,60-61,67",
    outer=(36, 45),
    inner=(39, 42),
    eyes=("36-41", "42-47"),
    nose_tip=30,
    mouth_corners=(48, 54),
    anatomy={
        "brow": ("17-21", "22-26"),
        "upper_lid": ("36-39", "45-42"),
        "lower_lid": ("36,41,40,39", "45,46,47,42"),
        "eye": ("36-41", "42-47"),
        "ears": ("0-3", "16-13"),
        "upper_lip": "48-54",
        "lower_lip": "48,59-54",
        "inner_upper_lip": "60-64",
        "inner_lower_lip": "60,67-64",
        "inner_lips": "60-67",
        "lower_lip_middle": 57,
        "upper_lip_middle": 51,
        "nose_base": 33,
        "chin": 8,
    },
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013; https://ibug.doc.ic.ac.uk/resources/300-W/",
)

POINTS5 = Layout(
    "points5",
    points=5,
    flip="1-0,2,4-3",
    regions={"eyes": "0-1", "nose": "2", "mouth": "3-4"},
    edges=["0-1", "3-4"],
    right="0,3",
    outer=(0, 1),
    eyes=("0", "1"),
    nose_tip=2,
    mouth_corners=(3, 4),
    reference="Zhang et al., MTCNN, 2016: eye centres, nose tip, mouth corners",
)

HUB = {layout.name: layout for layout in (IBUG68, POINTS5)}
