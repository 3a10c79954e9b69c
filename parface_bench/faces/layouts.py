"""The layouts of the data sets that come with the toolkit."""

from __future__ import annotations

from parface_bench.faces.layout import Layout

WFLW98 = Layout(
    "wflw98",
    points=98,
    flip="32-0,46-42,50-47,37-33,41-38,51-54,59-55,72-68,75-73,64-60,67-65,82-76,87-83,92-88,95-93,97-96",
    regions={
        "jaw": "0-32",
        "brows": "33-50",
        "nose": "51-59",
        "eyes": "60-75",
        "mouth": "76-95",
        "pupils": "96-97",
    },
    edges=["0-32", "33-41,33", "42-50,42", "51-54", "55-59", "60-67,60", "68-75,68", "76-87,76", "88-95,88"],
    right="0-15,33-41,55-56,60-67,76-78,86-87,88-89,95,96",
    outer=(60, 72),
    inner=(64, 68),
    eyes=("60-67", "68-75"),
    nose_tip=54,
    mouth_corners=(76, 82),
    to={
        "ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-37,42-46,51-59,"
        "60,61,63,64,65,67,68,69,71,72,73,75,76-95"
    },
    reference="Wu et al., Look at Boundary, 2018; https://wywu.github.io/projects/LAB/WFLW.html",
)

COFW29 = Layout(
    "cofw29",
    points=29,
    flip=[(0, 1), (4, 6), (2, 3), (5, 7), (8, 9), (12, 14), (10, 11), (13, 15), (16, 17), (18, 19), (22, 23)],
    regions={"brows": "0-7", "eyes": "8-15", "pupils": "16-17", "nose": "18-21", "mouth": "22-27", "jaw": "28"},
    edges=[
        "0,4,2,5,0",
        "1,6,3,7,1",
        "8,12,10,13,8",
        "9,14,11,15,9",
        "18,20,19,21,18",
        "22,24,23,27,22",
        "22,25,23,26,22",
    ],
    right="0,2,4,5,8,10,12,13,16,18,22",
    outer=(8, 9),
    inner=(10, 11),
    eyes=("16", "17"),
    nose_tip=20,
    mouth_corners=(22, 23),
    reference="Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013",
)

AFLW19 = Layout(
    "aflw19",
    points=19,
    flip="5-0,11-6,14-12,17-15,18",
    regions={"brows": "0-5", "eyes": "6-11", "nose": "12-14", "mouth": "15-17", "jaw": "18"},
    edges=["0-2", "3-5", "6-8", "9-11", "12-14", "15-17"],
    right="0-2,6-8,12,15",
    outer=(6, 11),
    inner=(8, 9),
    eyes=("6-8", "9-11"),
    nose_tip=13,
    mouth_corners=(15, 17),
    reference="Köstinger et al., Annotated Facial Landmarks in the Wild, 2011, without the two ears",
)

AFLW21 = Layout(
    "aflw21",
    points=21,
    flip="5-0,11-6,16,15-13,12,19-17,20",
    regions={"brows": "0-5", "eyes": "6-11", "ears": "12,16", "nose": "13-15", "mouth": "17-19", "jaw": "20"},
    edges=["0-2", "3-5", "6-8", "9-11", "13-15", "17-19"],
    right="0-2,6-8,12,13,17",
    outer=(6, 11),
    inner=(8, 9),
    eyes=("6-8", "9-11"),
    nose_tip=14,
    mouth_corners=(17, 19),
    to={"aflw19": "0-11,13-15,17-20"},
    reference="Köstinger et al., Annotated Facial Landmarks in the Wild, 2011",
)

MENPO84 = Layout(
    "menpo84",
    points=84,
    flip="32-0,42-33,43-46,51-47,61-58,63-62,55-52,57-56,70-64,75-71,80-76,83-81",
    regions={"jaw": "0-32", "brows": "33-42", "nose": "43-51", "eyes": "52-63", "mouth": "64-83"},
    edges=["0-32", "33-37", "38-42", "43-46", "47-51", "52-57,52", "58-63,58", "64-75,64", "76-83,76"],
    right="0-15,33-37,47-48,52-57,64-66,74-75,76-77,83",
    outer=(52, 61),
    inner=(55, 58),
    eyes=("52-57", "58-63"),
    nose_tip=46,
    mouth_corners=(64, 70),
    to={"ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-83"},
    reference="Zafeiriou et al., The 3D Menpo Facial Landmark Tracking Challenge, 2017",
)

# A profile shows one half of the face; a mirrored left profile is a right profile with the same order of points,
# so that every point mirrors onto itself and none is the subject's left or right as such.
MENPO39 = Layout(
    "menpo39",
    points=39,
    flip="0-38",
    regions={"jaw": "0-11", "brows": "12-15", "nose": "16-21", "eyes": "22-26", "mouth": "27-38"},
    edges=["0-11", "12-15", "16-21", "22-26", "27-33", "34-38"],
    reference="Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark Localisation, 2019 (profile)",
)

LAPA106 = Layout(
    "lapa106",
    points=106,
    flip="32-0,46-42,50-47,37-33,41-38,51-54,65-55,79-75,82-80,83,70-66,73-71,74,90-84,95-91,100-96,103-101,105-104",
    regions={
        "jaw": "0-32",
        "brows": "33-50",
        "nose": "51-65",
        "eyes": "66-83",
        "mouth": "84-103",
        "pupils": "104-105",
    },
    edges=["0-32", "33-41,33", "42-50,42", "51-54", "55-65", "66-73,66", "75-82,75", "84-95,84", "96-103,96"],
    right="0-15,33-41,55-59,66-74,84-86,94-95,96-97,103,104",
    outer=(66, 79),
    inner=(70, 75),
    eyes=("66-73", "75-82"),
    nose_tip=54,
    mouth_corners=(84, 90),
    to={
        "ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-37,42-46,51-54,58-62,"
        "66,67,69,70,71,73,75,76,78,79,80,82,84-103"
    },
    reference="Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing (LaPa), 2020",
)
