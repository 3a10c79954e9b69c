"""Where the landmarks of each annotation scheme lie: data only, read by :mod:`parface_bench.faces.schema`.

Runs of indices are written as ``"0-3,7"`` (= 0, 1, 2, 3, 7) and may count down. A part is a drawn chain: its region,
its run, and the run onto which a mirrored face puts it, point by point. ``right`` are the landmarks of the subject's
right half (left in the picture); their mirror images are the left half, and what mirrors onto itself is the midline.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A chain of landmarks. ``closed`` joins its ends; ``chain`` False draws no lines (pupils, single points)."""

    region: str
    run: str
    mirror: str
    closed: bool = False
    chain: bool = True


class Layout(NamedTuple):
    """One annotation scheme.

    Attributes:
        points: number of landmarks.
        reference: where the scheme is defined.
        parts: every landmark is in at least one.
        right: run of the subject's right half.
        outer, inner: outer and inner eye corners (right, left), None where the scheme has none.
        eyes: runs whose means are the eye centres (right, left).
        five: nose tip and the mouth corners (right, left), to make the five points of face recognition.
    """

    points: int
    reference: str
    parts: tuple[Part, ...]
    right: str
    outer: tuple[int, int] | None = None
    inner: tuple[int, int] | None = None
    eyes: tuple[str, str] | None = None
    five: tuple[int, int, int] | None = None


def _mouth(first: int) -> tuple[Part, Part]:
    """Twelve outer and eight inner lip points, clockwise from the image-left corner, as iBUG orders them."""
    o, i = first, first + 12
    return (
        Part("mouth", f"{o}-{o + 11}", f"{o + 6}-{o},{o + 11}-{o + 7}", closed=True),
        Part("mouth", f"{i}-{i + 7}", f"{i + 4}-{i},{i + 7}-{i + 5}", closed=True),
    )


def _mouth_right(first: int) -> str:
    o, i = first, first + 12
    return f"{o}-{o + 2},{o + 10}-{o + 11},{i}-{i + 1},{i + 7}"


LAYOUTS: dict[str, Layout] = {
    "ibug68": Layout(
        68,
        "Sagonas et al., 300 Faces in-the-Wild Challenge, 2013; https://ibug.doc.ic.ac.uk/resources/300-W/",
        (
            Part("jaw", "0-16", "16-0"),
            Part("brows", "17-21", "26-22"),
            Part("brows", "22-26", "21-17"),
            Part("nose", "27-30", "27-30"),
            Part("nose", "31-35", "35-31"),
            Part("eyes", "36-41", "45-42,47-46", closed=True),
            Part("eyes", "42-47", "39-36,41-40", closed=True),
            *_mouth(48),
        ),
        f"0-7,17-21,31-32,36-41,{_mouth_right(48)}",
        (36, 45),
        (39, 42),
        ("36-41", "42-47"),
        (30, 48, 54),
    ),
    "wflw98": Layout(
        98,
        "Wu et al., Look at Boundary, 2018; https://wywu.github.io/projects/LAB/WFLW.html",
        (
            Part("jaw", "0-32", "32-0"),
            Part("brows", "33-41", "46-42,50-47", closed=True),
            Part("brows", "42-50", "37-33,41-38", closed=True),
            Part("nose", "51-54", "51-54"),
            Part("nose", "55-59", "59-55"),
            Part("eyes", "60-67", "72-68,75-73", closed=True),
            Part("eyes", "68-75", "64-60,67-65", closed=True),
            *_mouth(76),
            Part("pupils", "96-97", "97-96", chain=False),
        ),
        f"0-15,33-41,55-56,60-67,{_mouth_right(76)},96",
        (60, 72),
        (64, 68),
        ("60-67", "68-75"),
        (54, 76, 82),
    ),
    "cofw29": Layout(
        29,
        "Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013",
        (
            Part("brows", "0,4,2,5", "1,6,3,7", closed=True),
            Part("brows", "1,6,3,7", "0,4,2,5", closed=True),
            Part("eyes", "8,12,10,13", "9,14,11,15", closed=True),
            Part("eyes", "9,14,11,15", "8,12,10,13", closed=True),
            Part("pupils", "16-17", "17-16", chain=False),
            Part("nose", "18,20,19,21", "19,20,18,21", closed=True),
            Part("mouth", "22,24,23,27", "23,24,22,27", closed=True),
            Part("mouth", "22,25,23,26", "23,25,22,26", closed=True),
            Part("jaw", "28", "28"),
        ),
        "0,2,4,5,8,10,12,13,16,18,22",
        (8, 9),
        (10, 11),
        ("16", "17"),
        (20, 22, 23),
    ),
    "aflw19": Layout(
        19,
        "Köstinger et al., Annotated Facial Landmarks in the Wild, 2011, without the two ears",
        (
            Part("brows", "0-2", "5-3"),
            Part("brows", "3-5", "2-0"),
            Part("eyes", "6-8", "11-9"),
            Part("eyes", "9-11", "8-6"),
            Part("nose", "12-14", "14-12"),
            Part("mouth", "15-17", "17-15"),
            Part("jaw", "18", "18"),
        ),
        "0-2,6-8,12,15",
        (6, 11),
        (8, 9),
        ("6-8", "9-11"),
        (13, 15, 17),
    ),
    "aflw21": Layout(
        21,
        "Köstinger et al., Annotated Facial Landmarks in the Wild, 2011",
        (
            Part("brows", "0-2", "5-3"),
            Part("brows", "3-5", "2-0"),
            Part("eyes", "6-8", "11-9"),
            Part("eyes", "9-11", "8-6"),
            Part("ears", "12,16", "16,12", chain=False),
            Part("nose", "13-15", "15-13"),
            Part("mouth", "17-19", "19-17"),
            Part("jaw", "20", "20"),
        ),
        "0-2,6-8,12,13,17",
        (6, 11),
        (8, 9),
        ("6-8", "9-11"),
        (14, 17, 19),
    ),
    "menpo84": Layout(
        84,
        "Zafeiriou et al., The 3D Menpo Facial Landmark Tracking Challenge, 2017",
        (
            Part("jaw", "0-32", "32-0"),
            Part("brows", "33-37", "42-38"),
            Part("brows", "38-42", "37-33"),
            Part("nose", "43-46", "43-46"),
            Part("nose", "47-51", "51-47"),
            Part("eyes", "52-57", "61-58,63-62", closed=True),
            Part("eyes", "58-63", "55-52,57-56", closed=True),
            *_mouth(64),
        ),
        f"0-15,33-37,47-48,52-57,{_mouth_right(64)}",
        (52, 61),
        (55, 58),
        ("52-57", "58-63"),
        (46, 64, 70),
    ),
    # A profile shows one half of the face; a mirrored left profile is a right profile with the same order of points,
    # so that every point mirrors onto itself and none is the subject's left or right as such.
    "menpo39": Layout(
        39,
        "Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark Localisation, 2019 (profile)",
        (
            Part("jaw", "0-11", "0-11"),
            Part("brows", "12-15", "12-15"),
            Part("nose", "16-21", "16-21"),
            Part("eyes", "22-26", "22-26"),
            Part("mouth", "27-33", "27-33"),
            Part("mouth", "34-38", "34-38"),
        ),
        "",
    ),
    "lapa106": Layout(
        106,
        "Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing (LaPa), 2020",
        (
            Part("jaw", "0-32", "32-0"),
            Part("brows", "33-41", "46-42,50-47", closed=True),
            Part("brows", "42-50", "37-33,41-38", closed=True),
            Part("nose", "51-54", "51-54"),
            Part("nose", "55-65", "65-55"),
            Part("eyes", "66-73", "79-75,82-80", closed=True),
            Part("eyes", "75-82", "70-66,73-71", closed=True),
            Part("eyes", "74,83", "83,74", chain=False),
            *_mouth(84),
            Part("pupils", "104-105", "105-104", chain=False),
        ),
        f"0-15,33-41,55-59,66-74,{_mouth_right(84)},104",
        (66, 79),
        (70, 75),
        ("66-73", "75-82"),
        (54, 84, 90),
    ),
    "points5": Layout(
        5,
        "Zhang et al., MTCNN, 2016: eye centres, nose tip, mouth corners",
        (
            Part("eyes", "0-1", "1-0"),
            Part("nose", "2", "2"),
            Part("mouth", "3-4", "4-3"),
        ),
        "0,3",
        (0, 1),
        None,
        ("0", "1"),
        (2, 3, 4),
    ),
}

# Schemes whose points are a selection of another's, in the other's indices.
_EVERY_SECOND_OF_33 = ",".join(str(i) for i in range(0, 33, 2))
SELECTIONS: dict[tuple[str, str], str] = {
    ("wflw98", "ibug68"): f"{_EVERY_SECOND_OF_33},33-37,42-46,51-59,60,61,63,64,65,67,68,69,71,72,73,75,76-95",
    ("lapa106", "ibug68"): f"{_EVERY_SECOND_OF_33},33-37,42-46,51-54,58-62,66,67,69,70,71,73,75,76,78,79,80,82,84-103",
    ("menpo84", "ibug68"): f"{_EVERY_SECOND_OF_33},33-83",
    ("aflw21", "aflw19"): "0-11,13-15,17-20",
}
