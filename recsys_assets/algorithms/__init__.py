"""Recommendation algorithms as pure functions of arrays.

Nothing here knows of files, tables, frames or orchestration. Rows and columns are numbers (`user`, `item`);
the raw ids (`user_id`, `item_id`) travel beside them as sorted vocabularies. Hyper-parameters have no
defaults: each default stands once, where the pipeline is configured.
"""
