"""Programs for the tests of the picker: some windows at known places, and the picker itself."""

from __future__ import annotations

# Two windows without frames, one over the other, each of one colour; prints "shown" when they are there.
WINDOWS = """
from Xlib import X, display
shown = display.Display()
screen = shown.screen()
screen.root.change_attributes(background_pixel=0x204080)
screen.root.clear_area()
for title, place, colour in (("Low", (100, 100, 300, 200), 0xC03020), ("High", (200, 150, 301, 201), 0x20A040)):
    window = screen.root.create_window(
        *place, 0, screen.root_depth, background_pixel=colour, event_mask=X.ExposureMask | X.StructureNotifyMask
    )
    window.set_wm_name(title)
    # No frame, so that its place is known (Motif's hints: flags, functions, decorations, input mode, status).
    hints = shown.intern_atom("_MOTIF_WM_HINTS")
    window.change_property(hints, hints, 32, [2, 0, 0, 0, 0])
    window.set_wm_normal_hints(flags=1 | 4, min_width=0, min_height=0)  # its place was chosen: USPosition
    window.map()
    while shown.next_event().type != X.Expose:
        pass
print("shown", flush=True)
while True:
    shown.next_event()
"""

# The picker of the kind in the environment's KIND; prints "shown", and then what it gave.
PICKER = """
import os
from PyQt5.QtWidgets import QApplication
from ui.desktop.region_selector import RegionSelector

qt = QApplication(["picker"])
qt.setQuitOnLastWindowClosed(False)
selector = RegionSelector(os.environ.get("KIND", "any"))

def tell(*words):
    print(*words, flush=True)
    qt.quit()

selector.chosen.connect(lambda text: tell("chosen", text))
selector.cancelled.connect(lambda: tell("cancelled"))
selector.held.connect(lambda: print("shown", flush=True))
selector.begin()
qt.exec_()
"""
