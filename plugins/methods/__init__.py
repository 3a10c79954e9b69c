"""The built-in methods: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import MethodSpec

_HERE = "parface_bench.plugins.methods"

PLUGINS: list[MethodSpec] = [
    MethodSpec(
        name="mean-shape",
        target=f"{_HERE}.mean_shape:MeanShape",
        trainable=True,
        summary="mean training shape in the crop, whatever the picture shows: the floor",
        reference="no learning; the mean of the training landmarks",
    ),
    MethodSpec(
        name="regression",
        target=f"{_HERE}.regression:Regression",
        trainable=True,
        summary="coordinates straight from pooled features, with wing, smooth L1 or L1 loss",
        reference="Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018, arXiv:1711.06753",
    ),
    MethodSpec(
        name="heatmap",
        target=f"{_HERE}.heatmap:Heatmap",
        trainable=True,
        summary="one heatmap a landmark; MSE or adaptive wing loss; argmax, sub-pixel (local fit) or DARK decoding",
        reference="Bulat & Tzimiropoulos, ICCV 2017, arXiv:1703.07332; Wang et al., ICCV 2019, arXiv:1904.07399",
    ),
    MethodSpec(
        name="integral",
        target=f"{_HERE}.integral:Integral",
        trainable=True,
        summary="soft-argmax of heatmaps, trained on coordinates with variance regularisation",
        reference="Sun et al., Integral Human Pose Regression, ECCV 2018; Nibali et al., DSNT, arXiv:1801.07372",
    ),
    MethodSpec(
        name="simcc",
        target=f"{_HERE}.simcc:SimCCMethod",
        trainable=True,
        summary="x and y by classification over half-pixel bins, with RTMPose's attention head",
        reference="Li et al., SimCC, ECCV 2022, arXiv:2107.03332; Jiang et al., RTMPose, arXiv:2303.07399",
    ),
    MethodSpec(
        name="rle",
        target=f"{_HERE}.rle:RLE",
        trainable=True,
        summary="direct regression with a sigma for each landmark; a flow learns the shape of the errors",
        reference="Li et al., Human Pose Regression with RLE, ICCV 2021, arXiv:2107.11291",
    ),
    MethodSpec(
        name="slpt",
        target=f"{_HERE}.slpt:SparsePatches",
        trainable=True,
        summary="attention among patches about the landmarks, coarse to fine, sized by how unsure each is (DSLPT)",
        reference="Xia et al., DSLPT, TPAMI 45, 2023; SLPT, CVPR 2022, arXiv:2203.06541",
    ),
    MethodSpec(
        name="parface",
        target=f"{_HERE}.parface.method:ParFace",
        trainable=True,
        summary="ParFace-Net: 3D landmarks from a face autoencoder, trained in stages, first without landmarks",
        reference="ParFace-Net, 3D face alignment for facial palsy; Browatzki & Wallraven, CVPR 2020, arXiv:1911.10448",
    ),
    MethodSpec(
        name="3fabrec",
        target=f"{_HERE}.parface.method:FabRec",
        trainable=True,
        summary="3FabRec: 2D landmarks from a face autoencoder; no in-domain inversion, no depth head of its own",
        reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
    ),
    MethodSpec(
        name="dlib",
        target=f"{_HERE}.dlib:DlibLandmarks",
        schema="ibug68",
        summary="dlib's 68-point shape predictor, started from the face box and re-run in dlib's own kind of box",
        reference="Kazemi & Sullivan, One Millisecond Face Alignment, CVPR 2014; weights of D. E. King, 2014",
        licence="code BSL-1.0; weights trained on 300W, whose licence excludes commercial use",
        needs="dlib",
        # trained on all of iBUG's 300W release, its test folders included
        trained_on=("300w:train", "300w:common", "300w:challenging", "300w:full"),
    ),
    MethodSpec(
        name="mediapipe-mesh",
        target=f"{_HERE}.mediapipe_mesh:MediapipeMesh",
        schema="ibug68",
        summary="MediaPipe's face mesh, 68 of its 468 points, with depth; trained on Google's own photographs",
        reference="Kartynnik et al., Real-time Facial Surface Geometry, CVPRW 2019, arXiv:1907.06724",
        licence="Apache-2.0 (weights and runtime); trained on Google's own in-the-wild photographs",
        needs="mediapipe",
    ),
    MethodSpec(
        name="face-alignment",
        target=f"{_HERE}.face_alignment:FaceAlignment",
        schema="ibug68",
        summary="FAN, four stacked hourglasses, its published 2D or 3DA-2D weights (by path or torch hub)",
        reference="Bulat & Tzimiropoulos, How far are we from solving face alignment, ICCV 2017, arXiv:1703.07332",
        licence="BSD-3-Clause; weights trained on 300W-LP (and 300W), whose licences exclude commercial use",
        trained_on=("300w-lp", "300w:train"),
    ),
    MethodSpec(
        name="yuface",
        target=f"{_HERE}.yuface:YuFace",
        task="detection",
        summary="libfacedetection: finds faces for 'pfbench predict' and 'pfbench data prepare'",
        reference="Wu, Peng & Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023",
        licence="BSD-3-Clause; trained on WIDER FACE",
        needs="faces",
    ),
]
