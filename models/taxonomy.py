"""The programme's own codes and their English names. Codes are stored; names are shown."""

from __future__ import annotations

KINDS = ("offer", "need")

STATUSES = (
    "draft",
    "submitted",
    "in_review",
    "changes_requested",
    "published",
    "stale",
    "archived",
    "rejected",
    "withdrawn",
)

#: Statuses in which everybody sees a listing and the indexes hold it.
PUBLIC_STATUSES = ("published", "stale")

CATEGORIES = {
    "energy": "Energy",
    "water": "Water",
    "farming-forestry": "Farming & forestry",
    "buildings-construction": "Buildings & construction",
    "transport": "Transport",
    "pollution-waste": "Pollution & waste",
    "materials-processes": "Materials & processes",
}

SUBCATEGORIES = {
    "energy": {
        "solar": "Solar",
        "wind": "Wind",
        "hydro-ocean": "Hydro and ocean",
        "geothermal": "Geothermal",
        "bioenergy": "Bioenergy",
        "storage": "Storage",
        "grids": "Grids",
        "hydrogen": "Hydrogen",
        "clean-cooking": "Clean cooking",
        "energy-efficiency": "Energy efficiency",
    },
    "water": {
        "drinking-water": "Drinking water",
        "wastewater": "Wastewater",
        "desalination": "Desalination",
        "water-networks": "Water networks",
        "stormwater-floods": "Stormwater and floods",
        "water-monitoring": "Water monitoring",
    },
    "farming-forestry": {
        "irrigation": "Irrigation",
        "soil-nutrients": "Soil and nutrients",
        "crop-protection": "Crop protection",
        "livestock": "Livestock",
        "post-harvest": "Post-harvest",
        "forestry": "Forestry",
        "aquaculture": "Aquaculture",
    },
    "buildings-construction": {
        "envelope": "Building envelope",
        "heating-cooling": "Heating and cooling",
        "building-materials": "Building materials",
        "lighting": "Lighting",
        "building-management": "Building management",
        "resilient-building": "Resilient building",
    },
    "transport": {
        "electric-vehicles": "Electric vehicles",
        "charging": "Charging",
        "public-transport": "Public transport",
        "freight-logistics": "Freight and logistics",
        "shipping-aviation": "Shipping and aviation",
        "cycling-micromobility": "Cycling and micromobility",
        "low-carbon-fuels": "Low-carbon fuels",
    },
    "pollution-waste": {
        "air-quality": "Air quality",
        "solid-waste": "Solid waste",
        "recycling": "Recycling",
        "organic-waste": "Organic waste",
        "hazardous-waste": "Hazardous waste",
        "soil-remediation": "Soil remediation",
        "plastics": "Plastics",
    },
    "materials-processes": {
        "bio-based-materials": "Bio-based materials",
        "metals-minerals": "Metals and minerals",
        "chemicals": "Chemicals",
        "textiles": "Textiles",
        "industrial-heat": "Industrial heat",
        "cement-ceramics": "Cement and ceramics",
        "carbon-capture-use": "Carbon capture and use",
        "process-control": "Process control",
    },
}

SUBCATEGORY_NAMES = {code: name for group in SUBCATEGORIES.values() for code, name in group.items()}

PARTNERSHIPS = {
    "licence": "Licence",
    "sale": "Sale",
    "joint-venture": "Joint venture",
    "pilot": "Pilot",
    "rd-cooperation": "R&D cooperation",
    "service": "Service",
    "finance": "Finance",
}

IP_KINDS = {
    "patent": "Patent",
    "utility-model": "Utility model",
    "design": "Design",
    "software": "Software",
    "plant-variety": "Plant variety",
    "know-how": "Know-how",
    "none": "No protection",
    "unknown": "Unknown",
}

IP_STATUSES = {
    "granted": "Granted",
    "pending": "Pending",
    "lapsed": "Lapsed",
    "not-filed": "Not filed",
    "trade-secret": "Trade secret",
    "unknown": "Unknown",
}

BENEFITS = {
    "energy-saving": "Energy saved",
    "water-saving": "Water saved",
    "emissions-cut": "Emissions cut",
    "pollution-cut": "Pollution cut",
    "waste-cut": "Waste cut",
    "material-saving": "Material saved",
    "cost-saving": "Cost saved",
    "yield-increase": "Yield increased",
    "longer-life": "Longer life",
    "health-safety": "Health and safety",
    "resilience": "Resilience",
}

SDGS = {
    1: "No poverty",
    2: "Zero hunger",
    3: "Good health and well-being",
    4: "Quality education",
    5: "Gender equality",
    6: "Clean water and sanitation",
    7: "Affordable and clean energy",
    8: "Decent work and economic growth",
    9: "Industry, innovation and infrastructure",
    10: "Reduced inequalities",
    11: "Sustainable cities and communities",
    12: "Responsible consumption and production",
    13: "Climate action",
    14: "Life below water",
    15: "Life on land",
    16: "Peace, justice and strong institutions",
    17: "Partnerships for the goals",
}

ORGANISATION_KINDS = {
    "sme": "Small or medium-sized firm",
    "university": "University",
    "research": "Research organisation",
    "public": "Public body",
    "ngo": "Non-governmental organisation",
    "investor": "Investor",
    "service": "Service provider",
    "programme": "Programme partner",
}

SIZE_BANDS = ("1-9", "10-49", "50-249", "250+")

ROLES = ("member", "moderator", "matchmaker", "administrator")

MATCH_STATUSES = ("suggested", "approved", "dismissed", "introduced", "closed")

STAFF_ROLES = ("moderator", "matchmaker", "administrator")

#: What staff compared when they verified an organisation.
VERIFICATION_CHECKS = {
    "register": "Entry in a public register",
    "website": "Website and its owner",
    "address": "Postal address",
    "contact": "Contact person",
    "technology": "Technology seen at work",
}

VERDICTS = ("approve", "request_changes", "reject")
#: What the history of a listing holds: verdicts, and that one was taken back.
DECISIONS = (*VERDICTS, "undo")

#: Why a moderator asks for changes or rejects.
MODERATION_REASONS = {
    "unclear": "It is not clear what is offered or wanted",
    "not-green": "No benefit for the environment is stated",
    "unproven": "A claim has no number or nothing it is measured against",
    "duplicate": "It repeats another listing",
    "incomplete": "Facts are missing that others need to judge it",
    "advertising": "It advertises instead of describing",
    "contact": "Contact details stand in the text",
    "language": "The text is not in the language that was stated",
    "rights": "It uses texts or pictures of somebody else",
    "unlawful": "It is unlawful or harmful",
}

IMPORT_STATUSES = ("checked", "waiting", "running", "done", "failed", "undone")


def other_kind(kind: str) -> str:
    """What a listing of this kind is matched with."""
    return "need" if kind == "offer" else "offer"


def category_of(subcategory: str) -> str | None:
    """The category that a sub-category belongs to; None for one there is not."""
    return next((category for category, codes in SUBCATEGORIES.items() if subcategory in codes), None)
