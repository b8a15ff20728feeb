"""What may wait between the stages of a recording, and so the most memory that one takes.

However slow the encoder and the disk are, memory has a bound. Of a picture of P pixels (the screen's, or the recorded
picture's if that is larger), it is the sum of these:

- Python and the libraries: 90 MiB.
- Pictures at work: 36 bytes x P. The memory shared with the display takes 8 bytes a pixel (the kept picture, and the
  one that is being grabbed), fitting or scaling 4; five as I420 (being made, being encoded, the first and the last one,
  one to spare) 7.5; x264's own (its input, and two pictures with their half-pixel planes) 15. Lossless, with 4 bytes in
  place of 1.5: 60 bytes x P.
- Pictures that wait for the encoder: 8 at most, and 64 MiB at most. More are dropped, and counted.
- Packets that wait for the disk: 64 MiB at most; next to nothing as long as it keeps up.
- Sound that waits to be mixed: 20 s at most, 8 MiB for 48 kHz in stereo.

So 1080p takes 185 MiB at most (measured, with an encoder far too slow: 164), and 4K 440 MiB (measured: 335), as long as
the disk keeps up. A recording under load holds these, and does not grow: see tests/faults/load.py.
"""

from __future__ import annotations

# Pictures waiting for the encoder: a longer queue only means that it is too slow, and then they must be dropped anyway.
PICTURE_BOUND = 8
PICTURE_BOUND_BYTES = 64 << 20
# Packets waiting for the disk: about 20 s of one sound track and a 60 fps picture, a few MB; lossless pictures are
# large.
PACKET_BOUND = 2400
PACKET_BOUND_BYTES = 64 << 20
# Blocks of sound waiting to be mixed, of 50 to 300 ms: ten seconds of two sources, which is longer than any stall of
# the mix thread that was seen.
SOUND_BOUND = 400
SOUND_BOUND_BYTES = 8 << 20
