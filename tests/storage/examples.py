"""The number of examples that Hypothesis tries in this directory."""

import os

from hypothesis import HealthCheck, settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

EXAMPLES = settings(
    max_examples=5000 if DEEP else 150,
    deadline=None,
    # The daemon keeps no state between examples, and the machine is shared.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
