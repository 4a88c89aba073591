"""Recipes: linear scripts that train and judge the models on corpora under scheduled noise."""
