"""Pictures of what a scheduler does over a training run, and a page that shows them (extra ``cli``).

    from noise_scheduler.plot import figure, page
    from noise_scheduler.survey import survey

    seen = survey(scheduler)
    figure(seen).savefig("schedule.png", dpi=150)

Public: `figure`, `level_figure`, `page`, `type_areas`, `condition_areas`, `Area`, `CLEAN`, `record_rows`,
`adaptive_note`.
"""

from .areas import CLEAN, Area, condition_areas, type_areas
from .charts import figure, level_figure
from .markup import adaptive_note, page, record_rows

__all__ = [
    "figure", "level_figure", "page",
    "type_areas", "condition_areas", "Area", "CLEAN", "record_rows", "adaptive_note",
]  # fmt: skip
