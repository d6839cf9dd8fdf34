"""The files that a job keeps beside what it moves: a download log, progress by folder, the failed ones.

They are written from the journal, never from memory: what a kill interrupts is taken up by the next engine,
and what a full disk refuses is written once there is room. No trouble with them stops a transfer.
"""
