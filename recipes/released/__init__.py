"""The path of released features: from sequences of vectors to results.json and a report.

Encoders of sequences and a fusion are trained together, first a clean teacher, then students under noise on the
sequences. Read in this order: `recipe` (what a recipe states), `settings`, `run` (the steps), `plan` (one training
run), `conditions` (what is trained on and judged under), `sequences` (what a model sees), `training`, `jobs`,
`judging`, `results`. Methods are those of `recipes.raw.methods`.
"""
