"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. The hold-out and the host's own
queries go through the same functions; training histories end at ``Fold.train_ends``. By default plain rules find a few
hundred candidates, which a ranker orders (``rank``); ``method = "network"`` trains a sequence model instead.
"""

import dataclasses

import msgspec

from common.engine.decisions import say_decisions
from common.engine.progress import say
from common.engine.run import Result, Run, bundle, collect, derive
from competitions.tencent import split, submission
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import RawFiles
from competitions.tencent.inference import stages
from competitions.tencent.io import reader
from competitions.tencent.outcome import FoldResult, Outcome, Prepared, RankedFold, Validated
from competitions.tencent.plan import Given, Plan, make_plan
from competitions.tencent.ranking import stages as ranking
from competitions.tencent.ranking.forecast import Forecast, fit_forecasts
from competitions.tencent.ranking.forecast_table import ForecastTable, tabulate_forecasts
from competitions.tencent.ranking.stages import RankerInputs
from competitions.tencent.split import Fold
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings


def validate(files: RawFiles, config: TencentConfig, run: Run) -> Validated:
    """Learn from what the hold-out shows, answer its queries, evaluate."""
    # 1. and 2. Read either layout into arrays; hold out the first clicks behind a cut.
    ready = prepare(files, config, run)
    fold, host = ready.valid, config.host
    # 3. Learn from the same question at earlier times, answer the held-out queries.
    if config.method == "ranker":
        ranked = rank(ready, fold, config, run, "valid")
        measured = run.step(ranking.evaluate_answers, fold, ranked.answer, host, name="measure")
        return Validated(config, ready, ranked, measured)
    early = fit_and_answer(ready, fold, config, run, "valid")
    return Validated(config, ready, early, run.step(stages.evaluate_answers, fold, early.answer, host, name="measure"))


def solve(files: RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    judged = validate(files, config, run)
    ready, early = judged.ready, judged.early
    final: RankedFold | FoldResult
    # 4. Learn again from everything, answer the host's queries.
    if isinstance(early, RankedFold):
        final = rank(ready, ready.test, config, run, "test")
    else:
        final = fit_and_answer(ready, ready.test, config, run, "test")

    # 5. Write the three forms, read each back from disk and check it.
    ads, filled = run.step(submission.choose_ads, ready.corpus, ready.test, final.top, name="choose").value
    checked = submission.write_and_check(ready.corpus.value, ads, run.folder)
    return Outcome(**vars(judged), final=final, filled=filled, checked=checked)


def prepare(files: RawFiles, config: TencentConfig, run: Run) -> Prepared:
    """From raw files to the two folds."""
    host, step = config.host, run.step
    for note in reader.note_unread(files):
        say(f"  {note.file}: {note.count} {note.what}: {note.first}")
    corpus = step(reader.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    embeddings = []
    names = {wanted: files.find_embedding(wanted) for wanted in host.embeddings}
    for other in sorted(set(files.embeddings) - set(names.values())):
        say(f"  {other} is among the files and not read: host.embeddings does not name it")
    for wanted, name in names.items():
        if name:
            paths = files.embeddings[name]
            embeddings.append(step(reader.read_embedding, paths, corpus.catalogue, name, name=f"embedding.{name}"))
        else:
            say(f"  {wanted} is not among the files: an ad's content is its features without it")
    divided, ranker = config.split, config.ranker
    most = ranker.features.linear.most_items
    given = Given(host.target, host.actions, divided.kind, divided.earlier, ranker.channels, most, ranker.list_length)
    plan = step(make_plan, corpus, len(embeddings), given)
    say_decisions(plan.value.decisions)
    host = plan_host(config, plan.value)
    train, candidates, actions = corpus.train, corpus.candidates, corpus.actions
    valid = step(split.hold_out, train, candidates, host, plan_split(config, plan.value), config.seed)
    test = step(split.build_test_fold, train, corpus.test, candidates, actions, host, name="ask_test")
    return Prepared(corpus, collect(embeddings), plan, valid, test)


def plan_host(config: TencentConfig, plan: Plan) -> HostSettings:
    """What is scored, as the plan has it."""
    return msgspec.structs.replace(config.host, target=plan.target, actions=plan.actions)


def plan_split(config: TencentConfig, plan: Plan) -> SplitSettings:
    """The split as the plan has it."""
    return msgspec.structs.replace(config.split, kind=plan.kind, earlier=plan.earlier)


def forecast(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str
) -> tuple[Result[list[Fold]], Result[list[Forecast]]]:
    """A fold's question asked at earlier times, and from these how often each ad will be shown."""
    step, corpus, plan, seed = run.step, ready.corpus, ready.plan.value, config.seed
    host, divided, horizon = plan_host(config, plan), plan_split(config, plan), config.split.horizon_hours
    questions = step(split.ask_earlier, corpus.train, corpus.candidates, fold, host, divided, seed, name=f"{name}.ask")
    return questions, step(
        fit_forecasts,
        corpus,
        fold,
        questions,
        plan.times,
        horizon,
        config.ranker.forecast,
        name=f"{name}.forecast",
    )


def tabulate(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str
) -> Result[ForecastTable | None]:
    """The network's input ``forecast``; None where ``model.forecast`` is off or times say nothing."""
    if not (config.model.forecast and ready.plan.value.times):
        return derive(leave_out_forecasts)
    questions, forecasts = forecast(ready, fold, config, run, name)
    horizon, label = config.split.horizon_hours, f"{name}.tabulate"
    return run.step(tabulate_forecasts, ready.corpus, fold, questions, forecasts, horizon, name=label)


def leave_out_forecasts() -> ForecastTable | None:
    """No table."""
    return None


def rank(ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str) -> RankedFold:
    """Ask a fold's question at earlier times, learn to rank from these, and rank the fold's own candidates."""
    step, corpus, plan, settings, seed = run.step, ready.corpus, ready.plan, config.ranker, config.seed
    questions, forecasts = forecast(ready, fold, config, run, name)
    inputs = bundle(
        RankerInputs,
        corpus=corpus,
        embeddings=ready.embeddings,
        fold=fold,
        questions=questions,
        forecasts=forecasts,
        plan=plan,
    )
    lists = [
        step(ranking.describe_question, inputs, at, settings.features, name=f"{name}.describe{at}")
        for at in range(len(questions.value))
    ]
    ranker = step(ranking.learn, collect(lists), settings.fit, seed, name=f"{name}.fit")
    parts = [
        step(ranking.answer, inputs, ranker, settings.features, part, name=f"{name}.answer{part}")
        for part in range(ranking.count_parts(fold.value))
    ]
    answer = step(ranking.join_answers, collect(parts), name=f"{name}.answer")
    return RankedFold(name, inputs, ranker, answer)


def fit_and_answer(ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str) -> FoldResult:
    """Train on what a fold shows, and answer its queries."""
    corpus, embeddings, train, seed = ready.corpus, ready.embeddings, config.train, config.seed
    levels, codes, label = train.levels, train.codes, f"{name}.spell"
    semantic_ids = run.step(stages.build_semantic_ids, corpus, embeddings, fold, levels, codes, seed, name=label)
    inputs = bundle(
        ModelInputs,
        corpus=corpus,
        embeddings=embeddings,
        fold=fold,
        semantic_ids=semantic_ids,
        forecast=tabulate(ready, fold, config, run, name),
    )
    settings = NetworkSettings(config.model, train, seed)
    folder = str(run.folder.parent / "checkpoints")
    trained = run.step(stages.fit, inputs, settings, folder, name=f"{name}.fit")
    answer = run.step(stages.answer, inputs, trained, settings, config.retrieve, name=f"{name}.answer")
    return FoldResult(name, corpus, fold, semantic_ids, inputs, settings, trained, answer)
