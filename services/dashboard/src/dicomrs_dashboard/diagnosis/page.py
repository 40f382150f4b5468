"""A diagnosis as a page of its own, for those who read it without the dashboard."""

from datetime import datetime

from dicomrs_dashboard.diagnosis.files import embedded
from dicomrs_dashboard.diagnosis.model import Diagnosis
from dicomrs_dashboard.language import Language
from dicomrs_dashboard.site import environment


def page(found: Diagnosis, language: Language) -> str:
    """HTML, with all that it needs in it."""
    template = environment(language).get_template("diagnostics/file.html")
    return template.render(lang=language.tag, now=datetime.now().astimezone(), found=found, data=embedded(found))
