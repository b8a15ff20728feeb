"""The values that travel between the rooms: frozen, without behaviour that could surprise.

Times are `clock.now_ns()` nanoseconds (`start_ns`, `shown_ns`) unless a name says otherwise; `at_s` and `length_s` are
seconds of the recording, from its first sample, with pauses taken out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # numpy is not imported here: `import capture` must work on a bare machine, and be quick
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]
    Picture = NDArray[np.uint8]


class State(enum.Enum):
    """The recorder's states; `capture.recorder` holds the table of moves."""

    IDLE = "idle"
    STARTING = "starting"
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPING = "stopping"
    FAILED = "failed"


class DeviceKind(enum.Enum):
    """What can be listened to or looked at."""

    SPEAKER = "speaker"
    MICROPHONE = "microphone"
    APPLICATION = "application"
    SCREEN = "screen"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How a signal is laid out in time: the rate of its frames, and the samples in each."""

    samplerate: int  # Hz
    channels: int


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive sound of one source. `samples` is float32, shape (frames, channels), full scale +-1; never written
    to.

    `start_ns` is when the first frame *sounded*: arrival, minus the device's latency, minus the block's length.
    """

    start_ns: int
    samples: Samples
    samplerate: int  # Hz

    @property
    def frames(self) -> int:
        return len(self.samples)

    @property
    def end_ns(self) -> int:
        return self.start_ns + (self.frames * 1_000_000_000) // self.samplerate


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture, and when it was *shown*.

    `picture` is uint8 and never written to after it was handed on: for "bgra" of shape (height, width, 4); for "i420"
    of shape (height * 3 // 2, width), the planes Y, U, V below one another as OpenCV lays them out (width and height
    even). `grabbed_ns` is when it was looked at, which is after it was shown; 0: at once.
    """

    shown_ns: int
    picture: Picture
    pixel_format: Literal["bgra", "i420"]
    width: int
    height: int
    grabbed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the desktop in physical pixels; left and top may be negative on some multi-monitor desktops."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Device:
    """A speaker, microphone, playing application, screen or window.

    `id` is the system's own unique name (names repeat: match by id); `name` is what people read. `detail` holds what
    else is known and worth printing: {"state": "running", "application_id": "...", "area": [x, y, w, h], ...}.
    """

    kind: DeviceKind
    id: str
    name: str
    is_default: bool = False
    samplerate: int = 0  # Hz; 0 where it has none
    channels: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the recording in which a source gave nothing: silence stands in its place, or the last picture.

    `reason` begins with the source's name: "system: the sound server ended".
    """

    at_s: float
    length_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class AudioResult:
    """What became of the sound. `silent`: nothing louder than noise from beginning to end."""

    samplerate: int
    channels: int
    peak_dbfs: float | None  # None: digital silence throughout
    silent: bool
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoResult:
    """Counts of pictures: looked at on the screen; encoded; found unchanged (and so not encoded); due but lost, because
    the computer was too slow.

    `gaps` are the stretches in which the screen could not be seen; they count as neither.
    """

    width: int
    height: int
    captured: int
    encoded: int
    unchanged: int
    dropped: int
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a recording. Empty `degraded` means: saved whole."""

    file: Path
    duration_s: float
    started_at: str  # ISO 8601 with time zone: the time of day of the first sample
    audio: AudioResult | None
    video: VideoResult | None
    degraded: tuple[str, ...] = ()
    recovered: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints; keys are the fields' names, `file` is a string."""
        return {key: _plain(getattr(self, key)) for key in self.__dataclass_fields__}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {key: _plain(getattr(value, key)) for key in value.__dataclass_fields__}
    return round(value, 6) if isinstance(value, float) else value


# --- Events: workers -> recorder -> ui. Each is a value; the recorder stamps nothing onto them. -----------------------


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The recorder is in another state; `file` is given when recording begins."""

    state: State
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """About ten a second: the peak of each source since the last, and how the recording stands."""

    elapsed_s: float
    size_bytes: int
    peaks_dbfs: dict[str, float]  # by source name; -inf is digital silence


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should read now. `degrades` says that the recording is no longer whole because of it.

    `speaker_instead` is the one that is to be recorded instead, where that is what mends it.
    """

    text: str
    hint: str = ""
    degrades: bool = False
    speaker_instead: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The recording is over, and its file is whole."""

    result: RecordingResult


@dataclass(frozen=True, slots=True)
class Failed:
    """The recording is over, and there is no file."""

    error: Exception  # a CaptureError


Event = StateChanged | Levels | Notice | Finished | Failed
