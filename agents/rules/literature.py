"""Objectives and publications of the dispatching rules, as docs/reference/rules.md shows them."""

from __future__ import annotations

OBJECTIVES = {
    "FIFO": "fairness; common in plants",
    "FASFS": "uniform flow times",
    "SPT": "mean flow time",
    "LPT": "load balance over parallel machines",
    "WSPT": "weighted flow time",
    "SRPT": "few orders in progress",
    "EDD": "maximum lateness",
    "WEDD": "due dates of important customers",
    "ODD": "variance of lateness",
    "MDD": "mean tardiness",
    "MOD": "mean tardiness in job shops",
    "WMDD": "weighted tardiness",
    "WMOD": "weighted tardiness in job shops",
    "SLK": "slack",
    "SI": "flow time, with some regard to lateness",
    "S/RO": "slack per remaining queue",
    "S/OPN": "as `S/RO`; late orders with short routes are not preferred",
    "CR": "progress relative to the due date",
    "COVERT": "weighted tardiness; `k R` is the expected wait",
    "ATC": "weighted tardiness",
    "WINQ": "feeds machines with short queues",
    "PT+WINQ": "mean flow time",
    "PT+WINQ+SL": "flow time and tardiness",
    "2PT+WINQ+NPT": "mean flow time",
    "GECCO10": (
        "mean flow time;"
        " found by genetic programming, for p of 1 to 49 units; times are divided by `unit`"
    ),
    "SST": "total changeover time",
    "SST>SPT": "as `SST`, with ties broken",
    "SSPT": "flow time with changeovers",
    "SNSPT": "as `SSPT`, with both parts normalised",
    "SA>FIFO": "batches by setup",
    "SA>EDD": "batches by setup",
    "SA>SPT": "batches by setup",
    "DK": "due dates, with a penalty per changeover",
    "FFCFS": "first come, first served by family",
    "FEDD>EDD": "due dates by family",
    "FCR>CR": "critical ratio by family",
    "MMS>SPT": "changeover time per operation of the family",
    "MASP>SPT": "mean time per operation of the family",
    "WBPT": "flow time with families",
    "ATCS": "weighted tardiness with changeovers; the reference rule",
    "ATCS+OPEN": "as `ATCS`, in plants that close",
    "ATCSR": "as `ATCS`, with changeovers in idle time",
    "ATCS+HOLD": "as `ATCS`, where changeovers are expensive",
    "RANDOM": "baseline that any rule should beat",
}
"""Objective of each rule, and remarks, in the order of the registry."""

PUBLICATIONS = {
    "Arzi and Raviv (1998)": (
        "Dispatching in a workstation belonging to a re-entrant production line under "
        "sequence-dependent set-up times, Production Planning and Control"
    ),
    "Baker and Bertrand (1982)": (
        "A dynamic priority rule for scheduling against due-dates, Journal of Operations Management"
    ),
    "Baker and Kanet (1983)": (
        "Job shop scheduling with modified due dates, Journal of Operations Management"
    ),
    "Berry and Rao (1975)": (
        "Critical ratio scheduling: an experimental analysis, Management Science"
    ),
    "Conway (1965)": (
        "Priority dispatching and job lateness in a job shop, Journal of Industrial Engineering"
    ),
    "Conway, Maxwell and Miller (1967)": "Theory of Scheduling, Addison-Wesley",
    "Graham (1969)": (
        "Bounds on multiprocessing timing anomalies, SIAM Journal on Applied Mathematics"
    ),
    "Haupt (1989)": "A survey of priority rule-based scheduling, OR Spektrum",
    "Hildebrandt, Heger and Scholz-Reiter (2010)": (
        "Towards improved dispatching rules for complex shop floor scenarios: a genetic "
        "programming approach, GECCO, doi:10.1145/1830483.1830530"
    ),
    "Holthaus and Rajendran (1997)": (
        "Efficient dispatching rules for scheduling in a job shop, International Journal of "
        "Production Economics"
    ),
    "Holthaus and Rajendran (2000)": (
        "Efficient jobshop dispatching rules: further developments, Production Planning and "
        "Control, doi:10.1080/095372800232379"
    ),
    "Jackson (1955)": (
        "Scheduling a production line to minimize maximum tardiness, Management Science "
        "Research Project, UCLA"
    ),
    "Kanet and Hayya (1982)": (
        "Priority dispatching with operation due dates in a job shop, Journal of Operations "
        "Management"
    ),
    "Kanet and Li (2004)": (
        "A weighted modified due date rule for sequencing to minimize weighted tardiness, "
        "Journal of Scheduling"
    ),
    "Kim and Bobrowski (1994)": (
        "Impact of sequence-dependent setup time on job shop scheduling performance, "
        "International Journal of Production Research"
    ),
    "Lee, Bhaskaran and Pinedo (1997)": (
        "A heuristic to minimize the total weighted tardiness with sequence-dependent setups, "
        "IIE Transactions"
    ),
    "Mahmoodi and Dooley (1991)": (
        "A comparison of exhaustive and non-exhaustive group scheduling heuristics in a "
        "manufacturing cell, International Journal of Production Research"
    ),
    "Oral and Malouin (1973)": (
        "Evaluation of the shortest processing time scheduling rule with truncation process, "
        "AIIE Transactions"
    ),
    "Pfund, Fowler, Gadkari and Chen (2008)": (
        "Scheduling jobs on parallel machines with setup times and ready times, Computers and "
        "Industrial Engineering 54, 764-782"
    ),
    "Pickardt and Branke (2012)": (
        "Setup-oriented dispatching rules - a survey, International Journal of Production Research"
    ),
    "Raman, Rachamadugu and Talbot (1989)": (
        "Real-time scheduling of an automated manufacturing center, European Journal of "
        "Operational Research"
    ),
    "Smith (1956)": (
        "Various optimizers for single-stage production, Naval Research Logistics Quarterly"
    ),
    "Vepsalainen and Morton (1987)": (
        "Priority rules for job shops with weighted tardiness costs, Management Science"
    ),
}
"""Title and journal of each publication that a rule is taken from."""
