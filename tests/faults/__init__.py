"""The fault harness (script/faults): the real processes under a steady mix of conversations while things break.

    proxy       stands between web and engine and makes the engine late, empty, malformed, dishonest
    settings    web's settings, with a database that can be made full and a clock that can be put wrong, from outside
    stand       the copy under test, watched by the product's own supervisor
    patients    the conversations
    breaking    what is broken, one function a fault
    count       what must be zero, and how long an outage was visible
"""
