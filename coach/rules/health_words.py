"""Words that diagnose, treat, or speak of weight. English.

A condition that is named is a diagnosis, whatever stands around it. A medicine may be named ("ask
a pharmacist about painkillers"); to take, skip or change one is advice, for or against, unless the
sentence asks them to ask a clinician. An amount in milligrams always is. Weight words count in any
polarity: what a text denies it still puts into somebody's head.
"""

import re
from collections.abc import Iterator

CLINICIAN = re.compile(
    r"\b(?:doctors?|physicians?|clinicians?|GP|pharmacists?|medical|hospital|emergency|"
    r"health ?care|cardiologists?)\b",
    re.IGNORECASE,
)
CONDITION = re.compile(
    r"\b(?:overtraining syndrome|myocarditis|pericarditis|angina|arrhythmia|atrial fibrillation|"
    r"heart (?:attack|disease|condition)|an(?:ae|e)mi[ac]|iron deficiency|infection|bronchitis|"
    r"pneumonia|influenza|the flu|covid(?:-19)?|mononucleosis|tend[io]n(?:itis|opathy)|bursitis|"
    r"arthritis|sciatica|herniated disc|stress fracture|meniscus tear|patellofemoral|concussion|"
    r"asthma|thyroid|diabetes|clinical depression|eating disorder|anorexia|RED-?S|"
    r"chronic fatigue|\w+ syndrome|you (?:are|have been|were) diagnosed|diagnosed with|"
    r"(?:my|the) diagnosis|you(?:’re|'re| are| seem| look) overtrained|you (?:are )?suffer(?:ing)? "
    r"from)\b",
    re.IGNORECASE,
)
DRUG = (
    r"(?:ibuprofen|paracetamol|acetaminophen|aspirin|naproxen|diclofenac|nsaids?|pain ?killers?|"
    r"anti-?inflammator(?:y|ies)|antibiotics?|antihistamines?|decongestants?|pseudoephedrine|"
    r"cortisone|steroids?|melatonin|sleeping pills?|beta-?blockers?|codeine|tramadol|voltaren|"
    r"advil|nurofen|tylenol|medications?|medicines?|pills?|tablets?)"
)
TREATMENT = re.compile(
    r"\b(?:tak(?:e|es|ing)|try(?:ing)?|us(?:e|ing)|pop|swallow|apply|start(?:ing)?|stop(?:ping)?|"
    r"skip(?:ping)?|increase|reduce|double)\s(?:\w+\s){0,3}?"
    rf"{DRUG}\b|\b{DRUG}\s(?:\w+\s){{0,4}}?(?:helps?|eases?|works?|(?:is|are) "
    r"(?:fine|safe|ok|okay))\b",
    re.IGNORECASE,
)
ASKING = re.compile(r"\b(?:ask|talk|speak|check|consult|discuss)\b", re.IGNORECASE)
DOSE = re.compile(r"\b\d+(?:[.,]\d+)?\s?(?:mg|mcg|µg|milligrams?|tablets?|pills?)\b", re.IGNORECASE)
WEIGHT = re.compile(
    r"\b(?:los(?:e|ing) (?:some |a bit of |a few )?(?:weight|fat|kilos?|kg|pounds?)|weight[- ]loss|"
    r"(?:drop|shed|cut|reduc)(?:e|ing|ping|ding|ting)? (?:some |a few |your )?"
    r"(?:weight|kilos?|kg|pounds?)|"
    r"race weight|get(?:ting)? (?:leaner|lighter)|make you lighter|slim(?:ming)? down|"
    r"calori(?:e|c) (?:deficit|restriction)|(?:cut|restrict)(?:ting|ing)? "
    r"(?:calories|carbs|food|carbohydrates)|eat(?:ing)? less|skip(?:ping)? "
    r"(?:breakfast|lunch|dinner|meals?|a meal)|fast(?:ed|ing)|on an empty stomach|on a diet|"
    r"dieting|crash diet)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[^.!?\n]+")


def diagnoses_and_drugs(text: str) -> Iterator[str]:
    yield from (hit[0] for hit in CONDITION.finditer(text))
    yield from (hit[0] for hit in DOSE.finditer(text))
    for sentence in SENTENCE.findall(text):
        if not (ASKING.search(sentence) and CLINICIAN.search(sentence)):
            yield from (hit[0] for hit in TREATMENT.finditer(sentence))
