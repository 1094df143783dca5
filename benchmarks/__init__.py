"""What is measured, against what. `script/bench NAME` runs assistant, safety, matcher or encoder, which each write a page
into `benchmarks/results/`; the other modules are what these share."""
