"""Does a network that has seen the twin only find the landmarks of real faces? The figure of merit of the renderer.

    python benchmarks/twin_transfer.py REAL_300W [--test helen/testset] [--faces 4000] [--epochs 20] [--state FILE]

A small network (0.8 M parameters) with integral heatmaps at 128 px is trained on the twin's 2D truth with strong
photometric augmentation and tested on 300W faces (folders of .jpg and .pts below REAL_300W), cropped by their true
landmarks. Tune on afw or lfpw/trainset; helen/testset is for the figure that is reported. ``--real FOLDER`` trains on
real photographs instead, for scale.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from parface_bench.data.images.reading import read_image
from parface_bench.data.index import stack
from parface_bench.data.source import load_index
from parface_bench.faces import get_schema

SIDE = 128  # network input
STORED = 176  # stored crop: room for shifts, turns and scale
MARGIN = 1.3  # side of the input over the larger side of the landmarks' box


class Block(nn.Module):
    """Two 3x3 convolutions round a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def _down(inside: int, outside: int) -> nn.Module:
    convolution = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Net(nn.Module):
    """[B, 3, 128, 128] to landmarks [B, 68, 2] in input pixels, by soft-argmax over 32 x 32 heatmaps."""

    def __init__(self, points: int = 68) -> None:
        super().__init__()
        self.stem = nn.Sequential(_down(3, 24), _down(24, 40), Block(40))
        self.middle = nn.Sequential(_down(40, 80), Block(80), Block(80))
        self.deep = nn.Sequential(_down(80, 128), Block(128))
        self.lateral = nn.Conv2d(40, 64, 1)
        self.across = nn.Conv2d(80, 64, 1)
        self.below = nn.Conv2d(128, 64, 1)
        self.head = nn.Sequential(
            nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        )
        self.heatmaps = nn.Conv2d(64, points, 1)

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.stem(x)
        middle = self.middle(shallow)
        coarse = F.interpolate(self.below(self.deep(middle)), scale_factor=2.0) + self.across(middle)
        fine = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False) + self.lateral(shallow)
        logits = self.heatmaps(self.head(fine)).float()
        n = logits.shape[-1]
        weight = logits.flatten(2).softmax(-1).view(logits.shape)
        at = (torch.arange(n, device=x.device) + 0.5) * (SIDE / n) - 0.5
        return torch.stack([(weight.sum(2) * at).sum(-1), (weight.sum(3) * at).sum(-1)], dim=-1)


def crop(picture: np.ndarray, marks: np.ndarray, side: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Square crop round the landmarks' box, and the landmarks in it."""
    low, high = marks.min(axis=0), marks.max(axis=0)
    scale = side / ((high - low).max() * margin)
    shift = (side - 1) / 2 - scale * (low + high) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    way = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
    image = cv2.warpAffine(picture, matrix, (side, side), flags=way, borderMode=cv2.BORDER_REPLICATE)
    return image, marks * scale + shift


def twin(faces: int, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored crops uint8 [N, STORED, STORED, 3] and 2D landmarks [N, 68, 2] of the twin's train split."""
    frame = load_index("palsy-twin", "train", train=faces, image_size=image_size)
    marks = stack(frame, "landmarks_2d")
    pairs = [_stored(read_image(frame.attrs["root"], ref), m) for ref, m in zip(frame["image"], marks, strict=True)]
    return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])


def _stored(picture: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return crop(picture, marks, STORED, MARGIN * STORED / SIDE)


def real_landmarks(path: Path) -> np.ndarray:
    """0-based landmarks [68, 2] of a .pts file."""
    rows = path.read_text().split("{")[1].split("}")[0].split("\n")
    return np.array([[float(v) for v in row.split()] for row in rows if row.strip()]) - 1


def real(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Photographs and 0-based landmarks of a folder of .jpg and .pts files."""
    out = []
    for path in sorted(folder.glob("*.pts")):
        out.append((read_image(folder, path.with_suffix(".jpg").name), real_landmarks(path)))
    if not out:
        sys.exit(f"{folder}: no .pts files here")
    return out


def augmented(images: Tensor, marks: Tensor, flip: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of stored crops [B, 3, STORED, STORED] in 0..1 as inputs: moved, mirrored, recoloured, partly covered."""
    n = len(images)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng)

    angle = (draw(n) - 0.5) * 0.9 * draw(n)
    scale = torch.exp((draw(n) - 0.5) * 0.36)
    mirror = torch.where(draw(n) < 0.5, -1.0, 1.0)
    shift = (draw(n, 2) - 0.5) * 0.16 * SIDE
    c, s = torch.cos(angle) / scale, torch.sin(angle) / scale
    turn = torch.stack([torch.stack([c * mirror, -s * mirror], -1), torch.stack([s, c], -1)], 1)  # input to stored
    middle_in, middle_stored = (SIDE - 1) / 2, (STORED - 1) / 2
    at = torch.arange(SIDE) - middle_in
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None] - shift[:, None, None]
    grid = torch.einsum("nij,nyxj->nyxi", turn, grid) / (STORED / 2)
    out = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    placed = torch.einsum("nij,nlj->nli", torch.linalg.inv(turn), marks - middle_stored) + shift[:, None] + middle_in
    placed = torch.where((mirror < 0)[:, None, None], placed[:, flip], placed)
    contrast, bright = torch.exp((draw(n, 1, 1, 1) - 0.5) * 0.9), (draw(n, 1, 1, 1) - 0.5) * 0.35
    tint = torch.exp((draw(n, 3, 1, 1) - 0.5) * 0.35)
    grey = out.mean(1, keepdim=True)
    saturation = torch.where(draw(n, 1, 1, 1) < 0.15, torch.zeros(n, 1, 1, 1), 0.4 + draw(n, 1, 1, 1))
    out = ((grey + (out - grey) * saturation) * tint - 0.45) * contrast + 0.45 + bright
    out = out.clamp(1e-3, 1) ** torch.exp((draw(n, 1, 1, 1) - 0.5) * 0.8)
    soft = F.avg_pool2d(F.pad(out, (1, 1, 1, 1), mode="replicate"), 3, 1)
    amount = draw(n, 1, 1, 1) * 2.2 - 1.0  # below 0 sharpens
    out = out + (soft - out) * amount.clamp(-0.8, 1.0)
    coarse = F.interpolate(torch.randn(n, 3, 16, 16, generator=rng), size=SIDE, mode="bilinear")
    out = out + 0.04 * coarse * draw(n, 1, 1, 1) + 0.05 * draw(n, 1, 1, 1) * torch.randn(out.shape, generator=rng)
    for k in torch.nonzero(draw(n) < 0.35).flatten().tolist():
        w, h = (int(v) for v in 10 + draw(2) * 45)
        x, y = (int(v) for v in draw(2) * (SIDE - 12))
        out[k, :, y : y + h, x : x + w] = draw(3, 1, 1) + 0.1 * torch.randn(
            3, *out[k, 0, y : y + h, x : x + w].shape, generator=rng
        )
    return out, placed


def train(images: np.ndarray, marks: np.ndarray, epochs: int, seed: int, state: Path | None) -> Net:
    """A trained network; with ``state``, training that was cut off goes on after its last whole epoch."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    flip = torch.tensor(get_schema("ibug68").flip.tolist())
    net = Net().to(memory_format=torch.channels_last)
    batch = 32
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1, pct_start=0.15)
    truth = torch.from_numpy(marks).float()
    begun, first = time.monotonic(), 0
    if state and state.exists():
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["epoch"]
    for epoch in range(first, epochs):
        rng.manual_seed(1000 * seed + epoch)
        order = torch.randperm(len(images), generator=rng)
        total = 0.0
        for start in range(0, len(images) - batch + 1, batch):
            pick = order[start : start + batch]
            pictures = torch.from_numpy(images[pick.numpy()]).permute(0, 3, 1, 2).float() / 255
            inputs, wanted = augmented(pictures, truth[pick], flip, rng)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                guess = net((inputs - 0.45).contiguous(memory_format=torch.channels_last) * 4)
            loss = F.smooth_l1_loss(guess, wanted, beta=2.0)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        spent = time.monotonic() - begun
        print(f"epoch {epoch + 1}/{epochs} loss {total / (len(images) // batch):.3f} {spent:.0f} s", file=sys.stderr)
        if state:
            saved = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
            torch.save(saved | {"epoch": epoch + 1}, state.with_suffix(".new"))
            state.with_suffix(".new").replace(state)
    return net


@torch.inference_mode()
def errors(net: Net, faces: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Per landmark error [N, 68] in percent of the outer-eye distance."""
    net.eval()
    out = []
    for start in range(0, len(faces), 64):
        crops = [crop(picture, marks, SIDE, MARGIN) for picture, marks in faces[start : start + 64]]
        inputs = torch.from_numpy(np.stack([c[0] for c in crops])).permute(0, 3, 1, 2).float() / 255
        guess = net((inputs - 0.45) * 4).numpy()
        truth = np.stack([c[1] for c in crops])
        eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
        out.append(100 * np.linalg.norm(guess - truth, axis=2) / eyes[:, None])
    return np.concatenate(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--test", nargs="+", default=["helen/testset"])
    parser.add_argument("--real-train", default="", help="train on this folder below REAL instead of the twin")
    parser.add_argument("--faces", type=int, default=4000)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--state", type=Path, help="go on from here if it exists, and save after each epoch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--save", type=Path, help="write the trained weights here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.real_train:
        pairs = [_stored(picture, marks) for picture, marks in real(args.real / args.real_train)]
        images, marks = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    else:
        images, marks = twin(args.faces, args.image_size)
    net = train(images, marks, args.epochs, args.seed, args.state)
    report: dict[str, object] = {
        "faces": len(images),
        "epochs": args.epochs,
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    for name in args.test:
        found = errors(net, real(args.real / name))
        report[name] = {
            "NME": round(float(found.mean()), 3),
            "without jaw": round(float(found[:, 17:].mean()), 3),
            **{r: round(float(found[:, i].mean()), 3) for r, i in (("jaw", slice(17)), ("brows", slice(17, 27)),
               ("nose", slice(27, 36)), ("eyes", slice(36, 48)), ("lips", slice(48, 68)))},
            "FR@10": round(float((found.mean(axis=1) > 10).mean() * 100), 2),
        }  # fmt: skip
    if args.save:
        torch.save(net.state_dict(), args.save)
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
