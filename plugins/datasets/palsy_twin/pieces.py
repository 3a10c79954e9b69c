"""Meshes beside the head: drapes over it (hair, scarves, masks), tubes (glasses, forearm) and the hand."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import load_head

Points = NDArray[np.float64]
Mesh = tuple[Points, NDArray[np.int32]]

AXIS_Z = 0.35  # dm: drapes are cylinders round this axis of the head
BINS_ANGLE, BINS_Y = 96, 64
FIELD_LOW, FIELD_HIGH = 5.0, 8.7


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a grid of vertices stored row by row (first row highest, first column at the image's left)."""
    k = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = k[:-1, :-1].ravel(), k[:-1, 1:].ravel(), k[1:, :-1].ravel(), k[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def radius_field(points: Points) -> NDArray[np.float32]:
    """Distance of the head's outside from the axis, float32 [BINS_Y, BINS_ANGLE] over height (high first) and angle."""
    angle = np.arctan2(points[:, 0], points[:, 2] - AXIS_Z)
    column = np.clip(((angle + np.pi) / (2 * np.pi) * BINS_ANGLE).astype(int), 0, BINS_ANGLE - 1)
    row = np.clip(((FIELD_HIGH - points[:, 1]) / (FIELD_HIGH - FIELD_LOW) * BINS_Y).astype(int), 0, BINS_Y - 1)
    field = np.zeros((BINS_Y, BINS_ANGLE), np.float32)
    near = np.abs(points[:, 0]) < 1.0
    reach = np.hypot(points[:, 0], points[:, 2] - AXIS_Z).astype(np.float32)
    np.maximum.at(field, (row[near], column[near]), reach[near])
    around = np.concatenate([field, field, field], axis=1)
    around = cv2.morphologyEx(around, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    around = cv2.GaussianBlur(cv2.dilate(around, np.ones((3, 3), np.uint8)), (0, 0), 1.2)
    return np.asarray(around[:, BINS_ANGLE : 2 * BINS_ANGLE], np.float32)


def drape(
    field: NDArray[np.float32], angle: Points, y: Points, stand: Points | float, least: Points | float = 0.0
) -> Mesh:
    """A sheet over the head.

    Args:
        field: from :func:`radius_field`; angle, y: [rows, columns] of the sheet's vertices (radians, dm).
        stand: distance from the head (dm), a number or [rows, columns]; least: the same from the axis, at least.
    """
    column = (((angle + np.pi) / (2 * np.pi)) % 1.0 * BINS_ANGLE).astype(np.float32) - 0.5
    row = ((FIELD_HIGH - y) / (FIELD_HIGH - FIELD_LOW) * BINS_Y - 0.5).astype(np.float32)
    radius = cv2.remap(field, column, np.clip(row, 0, BINS_Y - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    radius = np.maximum(radius + stand, least)
    sheet = np.stack([np.sin(angle) * radius, y, np.cos(angle) * radius + AXIS_Z], axis=-1)
    return sheet.reshape(-1, 3), grid_triangles(*angle.shape)


def tube(path: Points, radius: float | Points, sides: int = 6, closed: bool = False) -> Mesh:
    """A tube round a path [n, 3]; ``radius`` a number or [n]."""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    across = np.cross(ahead, [0.31, 0.17, 0.93])
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    upward = np.cross(ahead, across)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    size = np.broadcast_to(np.asarray(radius, float), (len(path),))[:, None, None]
    ring = path[:, None] + size * (
        np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * upward[:, None]
    )
    n = len(path)
    k = np.arange(n * sides).reshape(n, sides)
    k = np.concatenate([k, k[:1]]) if closed else k
    k = np.concatenate([k, k[:, :1]], axis=1)
    a, b, c, d = k[:-1, :-1].ravel(), k[:-1, 1:].ravel(), k[1:, :-1].ravel(), k[1:, 1:].ravel()
    return ring.reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)


def join(*meshes: Mesh) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(m[0]) for m in meshes)])
    return (
        np.concatenate([m[0] for m in meshes]),
        np.concatenate([m[1] + s for m, s in zip(meshes, starts, strict=False)]).astype(np.int32),
    )


@cache
def _hand() -> Mesh:
    """The left hand with fingers along +y, the palm facing -z, its middle at the origin."""
    head = load_head()
    points = head.hand_vertices
    _, axes = np.linalg.eigh(np.cov(points.T))
    along, palm = axes[:, 2], axes[:, 0]
    along = along if along[1] < 0 else -along  # fingers hang down in the base mesh
    palm = palm if palm[0] > 0 else -palm  # the back of the left hand looks away from the body
    across = np.cross(along, palm)
    turned = points @ np.stack([across, along, palm], axis=1)
    wrist = turned[:, 1].min()
    arm, arm_triangles = tube(np.array([[0, wrist + 0.1, 0.0], [0, wrist - 1.0, 0.05], [0, wrist - 3, 0.1]]), 0.27, 12)
    return join((turned, head.hand_triangles), (arm, arm_triangles))


def hand(at: Points, outward: Points, tilt: float, spread: float, scale: float) -> Mesh:
    """A hand laid before the face: its middle at ``at`` [3], palm against ``outward`` [3]; ``spread`` -1 mirrors it."""
    points, triangles = _hand()
    normal = outward / np.linalg.norm(outward)
    up = np.array([np.sin(tilt), np.cos(tilt), 0.0])
    up = up - normal * (up @ normal)
    up /= np.linalg.norm(up)
    side = np.cross(up, normal) * spread
    triangles = triangles if spread > 0 else triangles[:, ::-1]
    return points @ np.stack([side, up, normal]) * scale + at, triangles


def rim(centre: Points, width: float, height: float, power: float, curve: float, n: int = 28) -> Points:
    """Outline of a glass [n, 3], a super-ellipse bent backwards with distance from the mid line."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power * width / 2
    y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power * height / 2
    away = np.abs(centre[0] + x) - 0.1
    return centre + np.stack([x, y, -curve * np.clip(away, 0, None) ** 2], axis=1)
