"""The raw path: from a corpus of audio, video and text to results.json and a report.

Read in this order: `recipe` (what a recipe states), `run` (the steps), `plan` (one training run), `jobs` (encoders,
fusions, fine-tuning), `views` and `bank` (noisy views, encoded), `conditions` (what is trained on and judged under),
`judging`, `results`.
"""
