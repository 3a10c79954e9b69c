"""Where the head is seen from, and the truth of that view: 3D and 2D landmarks in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import Head

YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = 90.0, 40.0, 45.0
PIVOT = np.array([0.0, 7.05, 0.6])  # dm, about the middle of the head
JAW_LIFT = 8  # the chin's own point does not slide
PITCH_MEAN = 5.0  # degrees: people before a camera hold the head a little further back than the base head does
# Annotators cut the corner of the jaw: by how much (dm) they place each jaw point inside the silhouette. dlib on the
# twin and the mean shapes of 601 frontal faces of 300W's training folders agree on it.
JAW_INSET = np.array([0, 0, 0, 0, 0, 12, 17, -5, -8, -5, 17, 12, 0, 0, 0, 0, 0]) * 1e-3


@dataclass(frozen=True)
class Pose:
    """Yaw (+: to the image's left), pitch (+: up), roll (+: clockwise) in degrees; the signs of AFLW2000-3D."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Rotation [3, 3] from head to camera axes."""
        a, b, c = np.deg2rad([-self.yaw, -self.pitch, -self.roll])
        ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
        turn = np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
        nod = np.array([[1, 0, 0], [0, cb, -sb], [0, sb, cb]])
        tilt = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
        return tilt @ nod @ turn


def draw_pose(rng: np.random.Generator) -> Pose:
    """A pose as photographs have it: mostly near the front, with tails to yaw ±90, pitch ±40, roll ±45 degrees."""
    pick, flat = rng.random(), rng.uniform(-1, 1)
    yaw_n, pitch_n, roll_n = rng.normal(size=3)
    yaw = yaw_n * 16 if pick < 0.6 else yaw_n * 40 if pick < 0.88 else flat * YAW_LIMIT
    spread = 1.0 if rng.random() < 0.8 else 2.0
    return Pose(
        float(np.clip(yaw, -YAW_LIMIT, YAW_LIMIT)),
        float(np.clip(PITCH_MEAN + pitch_n * 7.5 * spread, -PITCH_LIMIT, PITCH_LIMIT)),
        float(np.clip(roll_n * 8 * spread, -ROLL_LIMIT, ROLL_LIMIT)),
    )


@dataclass(frozen=True)
class Camera:
    """A perspective camera whose optical axis meets the head's middle.

    Attributes:
        pose: of the head; distance: dm from the pivot; scale: pixels a dm at the pivot; centre: pixel of the pivot.
    """

    pose: Pose
    distance: float
    scale: float
    centre: tuple[float, float]

    def to_view(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points [..., 3] in camera axes (dm, x right, y up, z toward the viewer), relative to the pivot."""
        m = self.pose.matrix
        x, y, z = (points - PIVOT)[..., 0], (points - PIVOT)[..., 1], (points - PIVOT)[..., 2]
        return np.stack([m[k, 0] * x + m[k, 1] * y + m[k, 2] * z for k in range(3)], axis=-1)

    def project(self, view: NDArray[np.float64]) -> NDArray[np.float64]:
        """Camera-axis points [..., 3] to pixels [..., 3]: x right, y down, z toward the viewer in pixels."""
        nearness = self.scale * self.distance / (self.distance - view[..., 2])
        x = self.centre[0] + view[..., 0] * nearness
        y = self.centre[1] - view[..., 1] * nearness
        return np.stack([x, y, view[..., 2] * self.scale], axis=-1)


def on_surface(
    points: NDArray[np.float64], vertex: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points of the surface from triangle corners [..., 3] and barycentric weights [..., 3]."""
    return (points[vertex] * weight[..., None]).sum(axis=-2)


def draw_camera(rng: np.random.Generator, head: Head, points: NDArray[np.float64], pose: Pose, size: int) -> Camera:
    """A camera that shows the 68 landmarks of ``points`` in 45 to 62 % of a picture of ``size`` pixels."""
    distance = float(np.exp(rng.uniform(np.log(5.5), np.log(40))))
    share = rng.uniform(0.45, 0.62)
    shift = np.clip(rng.normal(size=2) * 0.025, -0.06, 0.06)
    unit = Camera(pose, distance, 1.0, (0.0, 0.0))
    marks = unit.project(unit.to_view(on_surface(points, head.landmark_vertex, head.landmark_weight)))[:, :2]
    low, high = marks.min(axis=0), marks.max(axis=0)
    scale = share * size / (high - low).max()
    centre = (0.5 + shift) * size - 0.5 - (low + high) / 2 * scale
    return Camera(pose, distance, float(scale), (float(centre[0]), float(centre[1])))


def landmarks_3d(head: Head, points: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Fixed surface points, [68, 3]: pixels, depth toward the viewer in pixels (0 at the head's middle)."""
    return camera.project(camera.to_view(on_surface(points, head.landmark_vertex, head.landmark_weight)))


def landmarks_2d(head: Head, points: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """The 2D annotators' convention, [68, 2]: as 3D, but the jaw line slides over the cheek to the silhouette.

    Annotators spread the points evenly along the contour that they see, from the ear to the chin, so the slid points
    are spread anew on each side.
    """
    marks = landmarks_3d(head, points, camera)[:, :2]
    rows = camera.project(camera.to_view(on_surface(points, head.jaw_vertex, head.jaw_weight)))[..., :2]
    roll = np.deg2rad(camera.pose.roll)
    nx, ny = head.jaw_normal[:, 0], -head.jaw_normal[:, 1]
    outward = np.stack([nx * np.cos(roll) - ny * np.sin(roll), nx * np.sin(roll) + ny * np.cos(roll)], axis=1)
    reach = rows[..., 0] * outward[:, None, 0] + rows[..., 1] * outward[:, None, 1]
    slid = rows[np.arange(17), reach.argmax(axis=1)]
    slid[JAW_LIFT] = marks[JAW_LIFT]
    spread = np.concatenate([_evenly(slid[:9]), _evenly(slid[8:])[1:]])
    marks[:17] = spread - outward * (JAW_INSET * camera.scale)[:, None]
    return marks


def _evenly(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many points [n, 2] at equal distances along a polyline [n, 2]."""
    steps = np.sqrt((np.diff(line, axis=0) ** 2).sum(axis=1))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0, along[-1], len(line))
    return np.stack([np.interp(wanted, along, line[:, k]) for k in (0, 1)], axis=1)
