"""The bench's own instruments: what it shows, what it reads out of a recording, what it counts, what it says."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from performance import judge, meter, report, rounds, scenes
from performance.scenes import Scene
from tests.helpers.children import ROOT
from tests.helpers.counter import BLOCK_PX, white_blocks

WIDTH, HEIGHT = 640, 360


@pytest.fixture(params=scenes.SCENES)
def scene(request: pytest.FixtureRequest) -> Scene:
    return scenes.SCENES[request.param](WIDTH, HEIGHT, 30)


def test_a_scene_that_moves_shows_another_picture_each_time_and_the_others_none(scene: Scene) -> None:
    pictures = [scene.picture(number) for number in range(4)]

    assert all(picture.shape == (HEIGHT, WIDTH, 4) for picture in pictures)
    same = [np.array_equal(one, two) for one, two in itertools.pairwise(pictures)]
    assert same == [scene.rate == 0] * 3


def test_small_changes_stay_small() -> None:
    for name in ("cursor", "small"):
        scene = scenes.SCENES[name](1920, 1080, 30)
        changed = (scene.picture(1) != scene.picture(2)).any(axis=2)
        assert 0 < changed.mean() < 0.03, name


# --- Judging ----------------------------------------------------------------------------------------------------------


def pictures_of(scene: Scene, numbers: list[int]) -> Iterator[NDArray[np.uint8]]:
    """BGR, with the number's blocks, as the X server shows them."""
    block = round(BLOCK_PX * scenes.COUNTER_SCALE)
    for number in numbers:
        picture = scene.picture(number)[..., :3].copy()
        picture[:block, : 19 * block] = 0
        for place in white_blocks(number):
            picture[:block, place * block : (place + 1) * block] = 255
        yield picture


def recorded(path: Path, scene: Scene, numbers: list[int], quantizer: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "qp": str(quantizer)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures_of(scene, numbers):
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_it_knows_which_pictures_are_in_a_file(tmp_path: Path) -> None:
    numbers = [*range(5, 12), 12, 12, *range(15, 40)]  # one twice, two missing
    scene = scenes.scroll(WIDTH, HEIGHT, 30)

    verdict = judge.judge(recorded(tmp_path / "x.mp4", scene, numbers, 20), scene)

    assert verdict.numbers == set(numbers)
    assert verdict.pictures == len(numbers)
    assert verdict.length_s == pytest.approx(len(numbers) / 30, abs=0.1)


def test_it_sees_how_good_they_are(tmp_path: Path) -> None:
    scene = scenes.film(WIDTH, HEIGHT, 30)

    fine, coarse = (judge.judge(recorded(tmp_path / f"{q}.mp4", scene, list(range(40)), q), scene) for q in (10, 35))

    assert fine.psnr_db > 45 > 40 > coarse.psnr_db
    assert 1 > fine.ssim > coarse.ssim


def test_both_matrices_are_understood() -> None:
    scene = scenes.film(WIDTH, HEIGHT, 30)
    picture = next(pictures_of(scene, [3]))
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
    for matrix, name in ((1, "bt709"), (5, "bt601")):
        planes = frame.reformat(format="yuv420p", dst_colorspace=matrix).to_ndarray()
        luma = planes[:HEIGHT].astype(np.uint8)
        error, likeness = judge.compare(luma, judge.expected(scene, 3, name))
        assert error < 1
        assert likeness > 0.99


# --- Counting ---------------------------------------------------------------------------------------------------------

BUSY = """
import time
while time.process_time() < 0.2: pass
print(time.process_time(), flush=True)
for _ in range(50): time.sleep(0.01)
print("done", flush=True)
input()
"""


def test_cpu_time_and_wake_ups_of_a_family_are_those_it_tells_of() -> None:
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        used_s = float(process.stdout.readline())
        assert meter.cpu_s([process.pid]) == pytest.approx(used_s, abs=0.15)
        assert meter.cpu_s([process.pid]) > 0.2
        child = meter.family([process.pid])[1]
        assert process.stdout.readline() == "done\n"
        assert 50 <= meter.wakeups(child) < 100
        assert 5 < meter.resident_mb([child]) <= meter.peak_mb([child]) < 100
        process.communicate("", timeout=10)
    assert meter.cpu_s([process.pid]) == 0


# --- Telling ----------------------------------------------------------------------------------------------------------


def run(recorder: str, round_: int, cpu: float, x_cpu: float, elsewhere: float = 0.0) -> report.Row:
    measured = rounds.Measurement("scroll", "1080p30", recorder, round_, 10, cpu, x_cpu, 1.0, 5, elsewhere)
    if recorder != "nothing":
        measured.shown, measured.kept = 300, 297
    return measured.to_json()


def test_ratios_are_within_a_round_and_include_what_the_servers_do_more() -> None:
    measured: list[report.Row] = []
    for number, cpu in enumerate((10, 14, 12)):
        measured += [run("nothing", number, 0, 2), run("loopnote", number, cpu, 3)]
        measured += [run("ffmpeg", number, 30, 4), run("ssr", number, 18 + number, 4)]

    ours, others, *_ = report.summarise(measured)

    assert ours["whole"] == 13
    assert others["whole"] == 32
    assert ours["ratio"] == pytest.approx((11 / 20, 13 / 22, 15 / 21))
    assert ours["bound"] == 0.7
    assert ours["kept_share"] == 0.99
    told = report.table([ours, others])
    assert "0.59 (<= 0.7)" in told
    assert "99.0%" in told


def test_a_disturbed_round_counts_only_where_there_is_no_other() -> None:
    quiet = [run("loopnote", 0, 10, 0), run("ffmpeg", 0, 20, 0)]
    disturbed = [run("loopnote", 1, 18, 0), run("ffmpeg", 1, 20, 0, elsewhere=0.5)]

    ours, _ = report.summarise(quiet + disturbed)
    assert (ours["cpu"], ours["rounds"]) == (10, "1 of 2")
    ours, _ = report.summarise(disturbed)
    assert (ours["cpu"], ours["rounds"]) == (18, "1 of 1")


def test_without_others_there_is_no_ratio(tmp_path: Path) -> None:
    rows = report.summarise([run("loopnote", 0, 10, 3)])

    assert rows[0]["ratio"] is None
    report.draw(rows, tmp_path / "x.png")
    assert cv2.imread(str(tmp_path / "x.png")) is not None


def test_what_is_missing_is_named_with_what_mends_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/bench.py"), "--quick"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "simplescreenrecorder" in done.stderr
    assert "scripts/setup bench" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_real_round_finds_the_pictures_that_were_shown() -> None:
    plan = rounds.Plan(["nothing", "loopnote"], 1, 1.0, "pulse")
    began_s = time.monotonic()

    control, ours = rounds.screen_rounds(plan, "small", "1080p30")

    assert control.cpu == 0
    assert 0 < ours.cpu < 60
    assert ours.shown is not None
    assert 10 <= ours.shown <= 33
    assert ours.kept is not None
    assert ours.kept >= ours.shown * 0.5  # all of them on a quiet computer
    assert ours.psnr_db is not None
    assert ours.psnr_db > 35
    assert ours.peak_mb is not None
    assert ours.begin_s is not None
    assert ours.begin_s < time.monotonic() - began_s
