"""The model: packed as unpacked, masks that truly mask, one embedding, experts, checkpoints, first weights."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the extra `training` is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from training.architecture import ModelConfig  # noqa: E402
from training.attention import Segments  # noqa: E402
from training.experts import MixtureOfExperts, balance_loss, route  # noqa: E402, route
from training.initialise import initialise, standard_deviation  # noqa: E402
from training.model import FeedForward, build, mean_nats  # noqa: E402
from training.presets import preset  # noqa: E402

TINY = preset("tiny").config
ENCDEC = preset("tiny-encdec").config
EXPERTS = replace(preset("tiny-experts").config, expert_capacity=None)
LENGTHS = [7, 1, 12, 4]
MASKS = {
    "bidirectional": LENGTHS,
    "causal": [0, 0, 0, 0],
    "prefix": [3, 1, 5, 2],
    "mixed": [7, 0, 5, 0],
}


def made(config: ModelConfig, *, seed: int = 0, **options: bool) -> nn.Module:
    """A model with weights large enough that nothing it does is lost in rounding."""
    model = build(config, **options)
    initialise(model, config, seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(5)
    return model


def tokens(count: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randint(TINY.vocab_size, (count,), generator=torch.Generator().manual_seed(seed))


def dense_attention(model: nn.Module, ids: torch.Tensor, prefix: int) -> torch.Tensor:
    """The encoder's states of one segment, from the definition: complex rotations and a full table of scores."""
    config = model.config
    size = config.head_size
    places = torch.arange(len(ids))
    sees = (places[None, :] <= places[:, None]) | (places[None, :] < prefix)
    frequency = config.rope_theta ** (-torch.arange(0, size, 2) / size)
    turn = torch.polar(torch.ones(len(ids), size // 2), places[:, None] * frequency)

    def turned(x: torch.Tensor) -> torch.Tensor:
        product = torch.complex(x[..., : size // 2], x[..., size // 2 :]) * turn[:, None]
        return torch.cat((product.real, product.imag), dim=-1)

    x = model.encoder.embedding_norm(model.embedding(ids))
    for block in model.encoder.blocks:
        q, k, v = (
            block.attention.qkv(block.attention_norm(x)).view(len(ids), 3, config.num_heads, size).unbind(1)
        )
        scores = torch.einsum("tnk,unk->ntu", turned(q), turned(k)) / size**0.5
        weights = scores.masked_fill(~sees, -torch.inf).softmax(-1)
        x = x + block.attention.out(torch.einsum("ntu,unk->tnk", weights, v).reshape(len(ids), -1))
        up, gate = block.feed_forward.gated(block.feed_forward_norm(x)).chunk(2, -1)
        x = x + block.feed_forward.out(F.gelu(up) * gate)
    return model.encoder.final_norm(x)


@pytest.mark.parametrize("prefixes", MASKS.values(), ids=MASKS)
def test_packed_segments_give_what_each_gives_alone_by_the_definition(prefixes: list[int]) -> None:
    model = made(TINY)
    ids = tokens(sum(LENGTHS))

    packed, _ = model.encode(ids, Segments.of(LENGTHS, prefixes=prefixes))

    alone = [
        dense_attention(model, part, prefix)
        for part, prefix in zip(ids.split(LENGTHS), prefixes, strict=True)
    ]
    torch.testing.assert_close(packed, torch.cat(alone), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prefixes", MASKS.values(), ids=MASKS)
def test_gradients_of_a_packed_batch_are_those_of_its_segments_one_by_one(prefixes: list[int]) -> None:
    model, alone = made(TINY), made(TINY)
    ids, targets = tokens(sum(LENGTHS)), tokens(sum(LENGTHS), seed=1)

    model(ids, Segments.of(LENGTHS, prefixes=prefixes), torch.arange(len(ids)), targets).nats.backward()

    for part, wanted, prefix in zip(ids.split(LENGTHS), targets.split(LENGTHS), prefixes, strict=True):
        logits = alone.logits(dense_attention(alone, part, prefix))
        (F.cross_entropy(logits, wanted, reduction="sum") / len(ids)).backward()
    expected = {name: parameter.grad for name, parameter in alone.named_parameters()}
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=2e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize(("prefix", "place"), [(0, 1), (0, 8), (5, 5), (5, 8)])
def test_a_later_token_behind_the_prefix_changes_nothing_before_it(prefix: int, place: int) -> None:
    model = made(TINY)
    ids = tokens(12)
    changed = ids.clone()
    changed[place] = (changed[place] + 1) % TINY.vocab_size
    segments = Segments.of([12], prefixes=[prefix])

    before, after = model.encode(ids, segments)[0], model.encode(changed, segments)[0]

    assert torch.equal(before[:place], after[:place])
    assert (before[place:] != after[place:]).any(dim=1).all()


def test_places_are_counted_from_the_start_of_each_segment() -> None:
    assert Segments.of([2, 3]).positions_T.tolist() == [0, 1, 0, 1, 2]


def test_a_token_of_the_prefix_changes_all_of_the_segment_and_nothing_of_another() -> None:
    model = made(TINY)
    ids = tokens(18)
    changed = ids.clone()
    changed[4] = (changed[4] + 1) % TINY.vocab_size
    segments = Segments.of([12, 6], prefixes=[5, 6])

    before, after = model.encode(ids, segments)[0], model.encode(changed, segments)[0]

    assert (before[:12] != after[:12]).any(dim=1).all()
    assert torch.equal(before[12:], after[12:])


def test_the_decoder_is_causal_sees_its_own_input_and_no_other() -> None:
    model = made(ENCDEC)
    ids, answer = tokens(20), tokens(11, seed=1)
    inputs, outputs = Segments.of([12, 8]), Segments.of([6, 5], prefixes=[0, 0])
    before, _ = model.decode(ids, inputs, answer, outputs)

    other_input, other_answer = ids.clone(), answer.clone()
    other_input[3] = (other_input[3] + 1) % TINY.vocab_size
    other_answer[4] = (other_answer[4] + 1) % TINY.vocab_size

    after_input, _ = model.decode(other_input, inputs, answer, outputs)
    assert (before[:6] != after_input[:6]).any(dim=1).all()
    assert torch.equal(before[6:], after_input[6:])
    after_answer, _ = model.decode(ids, inputs, other_answer, outputs)
    assert torch.equal(before[:4], after_answer[:4])
    assert (before[4:6] != after_answer[4:6]).any(dim=1).all()
    assert torch.equal(before[6:], after_answer[6:])


def test_packed_pairs_of_an_encoder_decoder_give_what_each_gives_alone() -> None:
    model = made(ENCDEC)
    ids, answer = tokens(20), tokens(11, seed=1)

    packed, _ = model.decode(ids, Segments.of([12, 8]), answer, Segments.of([6, 5], prefixes=[0, 0]))

    first, _ = model.decode(ids[:12], Segments.of([12]), answer[:6], Segments.of([6], prefixes=[0]))
    second, _ = model.decode(ids[12:], Segments.of([8]), answer[6:], Segments.of([5], prefixes=[0]))
    torch.testing.assert_close(packed, torch.cat((first, second)), atol=1e-5, rtol=1e-5)


def test_the_output_matrix_is_the_embedding() -> None:
    model = made(TINY)
    with torch.no_grad():
        model.embedding.weight[7] = 0
        model.head.bias[7] = 3.5

    logits = model.logits(model.encode(tokens(5), Segments.of([5]))[0])

    assert sorted(name for name, value in model.named_parameters() if TINY.vocab_size in value.shape) == [
        "embedding.weight",
        "head.bias",
    ]
    assert logits[:, 7].tolist() == [3.5] * 5


@pytest.mark.parametrize(
    ("rows", "max_logits"), [(10, 0), (200, 60_000), (200, 59_999)], ids=["few", "small", "chunked"]
)
def test_the_loss_and_its_gradients_are_those_of_plain_cross_entropy(
    rows: int, max_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.architecture.MAX_LOGITS", max_logits)
    chunked: list[int] = []
    whole = F.linear_cross_entropy
    monkeypatch.setattr(F, "linear_cross_entropy", lambda *a, **k: (chunked.append(1), whole(*a, **k))[1])
    generator = torch.Generator().manual_seed(0)
    shapes = ((rows, 32), (300, 32), (300,))
    leaves = [torch.randn(shape, generator=generator).mul_(0.3).requires_grad_() for shape in shapes]
    targets = torch.randint(300, (rows,), generator=generator)

    nats = mean_nats(*leaves, targets)

    plain = F.cross_entropy(leaves[0] @ leaves[1].T + leaves[2], targets)
    assert len(chunked) == (max_logits == 59_999)
    assert abs(nats.item() - plain.item()) < 1e-6
    for own, expected in zip(
        torch.autograd.grad(nats, leaves), torch.autograd.grad(plain, leaves), strict=True
    ):
        torch.testing.assert_close(own, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("max_logits", [0, 2**24], ids=["chunked", "whole"])
def test_in_half_precision_the_loss_is_not_rounded_as_its_inputs_are(
    max_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.architecture.MAX_LOGITS", max_logits)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((2000, 32), generator=generator).bfloat16()
    weight, bias = (
        torch.randn((300, 32), generator=generator).bfloat16(),
        torch.zeros(300, dtype=torch.bfloat16),
    )
    targets = torch.randint(300, (2000,), generator=generator)

    nats = mean_nats(inputs, weight, bias, targets)

    exact = F.cross_entropy(inputs.double() @ weight.double().T, targets)
    assert nats.dtype == torch.float32
    assert nats.item() == pytest.approx(exact.item(), rel=5e-4)


def test_a_batch_without_targets_has_a_loss_of_zero_and_zero_gradients() -> None:
    model = made(TINY)
    none = torch.empty(0, dtype=torch.int64)

    nats = model(tokens(5), Segments.of([5]), none, none).nats
    nats.backward()

    assert nats.item() == 0
    assert all(not parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("config", [TINY, ENCDEC, EXPERTS], ids=["encoder", "encoder-decoder", "experts"])
def test_checkpointing_changes_no_loss_and_no_gradient(config: ModelConfig) -> None:
    plain, checkpointed = made(config), made(config, checkpoint_activations=True)
    ids = tokens(10)
    if config.num_decoder_layers:
        inputs = (ids, Segments.of([4, 6]), ids, Segments.of([7, 3], prefixes=[0, 0]), ids)
    else:
        inputs = (ids, Segments.of([4, 6]), torch.arange(10), ids)

    for model in (plain, checkpointed):
        losses = model(*inputs)
        (losses.nats + losses.balance).backward()

    gradients = [[parameter.grad for parameter in model.parameters()] for model in (plain, checkpointed)]
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_one_expert_is_the_dense_block() -> None:
    dense = made(TINY)
    single = made(replace(TINY, num_experts=1, expert_every=1, expert_capacity=1.0))
    weights = dense.state_dict()
    single.load_state_dict(
        {
            name: weights.get(name.replace("experts.0.", ""))
            for name in single.state_dict()
            if "router" not in name
        },
        strict=False,
    )
    ids, segments = tokens(9), Segments.of([9])

    states, balance = single.encode(ids, segments)

    assert torch.equal(states, dense.encode(ids, segments)[0])
    assert balance.item() == 1


def mixture(*, num_chosen: int = 1, capacity: float | None = None) -> MixtureOfExperts:
    torch.manual_seed(0)
    return MixtureOfExperts(
        8,
        lambda: nn.Linear(8, 8, bias=False),
        num_experts=4,
        num_chosen=num_chosen,
        capacity_factor=capacity,
    )


@pytest.mark.parametrize("num_chosen", [1, 2, 4])
def test_a_mixture_weighs_the_chosen_experts_by_their_probabilities(num_chosen: int) -> None:
    layer = mixture(num_chosen=num_chosen)
    hidden = torch.randn(20, 8)

    output, _ = layer(hidden)

    probabilities = (hidden @ layer.router.weight.T).softmax(-1)
    for token in range(20):
        best = sorted(range(4), key=lambda expert: -probabilities[token, expert].item())[:num_chosen]
        norm = sum(probabilities[token, expert] for expert in best) if num_chosen > 1 else 1
        expected = sum(probabilities[token, e] / norm * layer.experts[e](hidden[token]) for e in best)
        torch.testing.assert_close(output[token], expected, atol=1e-6, rtol=1e-5)


def test_an_expert_takes_the_first_tokens_up_to_its_capacity_and_drops_the_rest() -> None:
    layer = mixture(capacity=1.0)
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.router.weight[2] = 1
    hidden = torch.rand(10, 8) + 0.1

    output, balance = layer(hidden)

    # Ten tokens, four experts: each takes ceil(10 / 4) = 3.
    assert output.any(dim=1).tolist() == [True] * 3 + [False] * 7
    assert balance.item() > 1


def test_first_choices_have_their_places_before_second_ones() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [1.0, 0.0, 2.0, 0.0]])

    routes = route(scores, torch.eye(4), num_chosen=2, capacity_factor=0.5)

    # First choices of three tokens, then their second ones.
    assert routes.experts_A.tolist() == [0, 1, 2, 1, 0, 0]
    # ceil(0.5 * 2 * 3 / 4) = 1 place each; token 0 got expert 0 first, token 1 expert 1.
    assert routes.kept_A.tolist() == [True, True, True, False, False, False]
    assert routes.places_A.tolist() == [0, 0, 0, 1, 1, 2]


def test_the_balance_loss_is_one_for_an_even_load_and_the_number_of_experts_for_the_worst() -> None:
    even = balance_loss(torch.full((8, 4), 0.25), torch.arange(8)[:, None] % 4)
    worst = balance_loss(
        F.one_hot(torch.zeros(8, dtype=torch.int64), 4).float(), torch.zeros(8, 1, dtype=torch.int64)
    )

    assert (even.item(), worst.item()) == (1.0, 4.0)


def test_an_expert_without_tokens_still_takes_part_in_the_backward_pass() -> None:
    layer = mixture()
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.router.weight[2] = 1

    layer(torch.rand(10, 8) + 0.1)[0].sum().backward()

    assert [bool(expert.weight.grad.any()) for expert in layer.experts] == [False, False, True, False]


def test_another_layer_of_experts_can_take_the_place_of_the_plain_one() -> None:
    class Replacement(nn.Module):
        """Answers as DeepSpeed's layer does, with three values."""

        def __init__(self, expert: nn.Module) -> None:
            super().__init__()
            self.expert = expert

        def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
            return self.expert(hidden), torch.tensor(2.0), None

    model = build(EXPERTS, make_experts=lambda config, make_expert: Replacement(make_expert()))
    initialise(model, EXPERTS, seed=0)

    losses = model(tokens(5), Segments.of([5]), torch.arange(5), tokens(5))

    assert isinstance(model.encoder.blocks[0].feed_forward, Replacement)
    assert isinstance(model.encoder.blocks[1].feed_forward, FeedForward)
    assert losses.balance.item() == 2.0


def test_first_weights_depend_on_the_seed_and_the_name_alone() -> None:
    shallow, deep = build(TINY), build(replace(TINY, num_layers=3))
    other = build(TINY)
    initialise(shallow, TINY, seed=1)
    initialise(deep, TINY, seed=1)
    torch.manual_seed(5)
    initialise(other, TINY, seed=2)

    weights, more, others = shallow.state_dict(), deep.state_dict(), other.state_dict()

    assert all(torch.equal(value, more[name]) for name, value in weights.items())
    assert not torch.equal(weights["embedding.weight"], others["embedding.weight"])
    assert not torch.equal(
        weights["encoder.blocks.0.attention.qkv.weight"], weights["encoder.blocks.1.attention.qkv.weight"]
    )
    assert weights["embedding.weight"][0, :3].tolist() == pytest.approx(FIRST_WEIGHTS, rel=1e-6)


# Philox under the 128-bit BLAKE2b of "1:embedding.weight", times 0.02. Another value: all runs start elsewhere.
FIRST_WEIGHTS = [-0.0062230513, -0.018544253, 0.032446168]


def test_projections_into_the_residual_stream_start_narrower_by_depth() -> None:
    encoder = replace(TINY, num_layers=8)
    decoder = replace(TINY, num_layers=8, num_decoder_layers=12)

    assert standard_deviation("encoder.blocks.0.attention.qkv.weight", encoder) == 0.02
    assert standard_deviation("encoder.blocks.0.feed_forward.out.weight", encoder) == pytest.approx(0.005)
    assert standard_deviation("decoder.blocks.0.attention.out.weight", decoder) == pytest.approx(0.02 / 6)


def test_first_weights_have_the_spread_they_should() -> None:
    model = build(preset("mini").config)

    initialise(model, preset("mini").config, seed=0)

    assert model.embedding.weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert model.encoder.blocks[3].feed_forward.out.weight.std().item() == pytest.approx(0.00707, rel=0.02)
    assert model.encoder.final_norm.weight.unique().tolist() == [1.0]
    assert model.head.bias.unique().tolist() == [0.0]


def test_a_parameter_is_written_only_while_it_is_gathered() -> None:
    model, open_ones, seen = build(TINY), [], []

    class Gather:
        def __init__(self, parameter: nn.Parameter) -> None:
            self.parameter = parameter

        def __enter__(self) -> None:
            open_ones.append(self.parameter)

        def __exit__(self, *_: object) -> None:
            seen.append(open_ones.pop())

    initialise(model, TINY, seed=0, gather=Gather)

    assert [id(parameter) for parameter in seen] == [id(parameter) for parameter in model.parameters()]


@pytest.mark.parametrize(
    ("lengths", "prefixes", "message"),
    [
        ([], None, "every segment needs at least one token"),
        ([3, 0], None, "every segment needs at least one token"),
        ([3], [4], "a prefix of 4 tokens does not fit a segment of 3"),
        ([3, 2], [1], "2 segments need as many prefixes; there are 1"),
    ],
)
def test_segments_that_cannot_be_are_refused(
    lengths: list[int], prefixes: list[int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Segments.of(lengths, prefixes=prefixes)


def test_a_segment_longer_than_the_model_takes_is_refused() -> None:
    model = build(replace(TINY, max_positions=4))

    with pytest.raises(ValueError, match=r"a segment has 5 tokens; the model takes 4"):
        model.encode(tokens(5), Segments.of([5]))


def test_segments_must_cover_the_tokens() -> None:
    with pytest.raises(ValueError, match=r"the segments have 4 tokens, the input 5"):
        build(TINY).encode(tokens(5), Segments.of([4]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 5}, "must be an even multiple of num_heads"),
        ({"num_heads": 64}, "must be an even multiple of num_heads"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
        ({"num_experts": 2, "num_chosen_experts": 3}, "num_chosen_experts 3 must be at most num_experts 2"),
        ({"expert_capacity": 0.0}, "expert_capacity must be above 0"),
        ({"num_decoder_layers": -1}, "num_decoder_layers must be at least 0"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("prefixes", MASKS.values(), ids=MASKS)
def test_the_kernel_for_gpus_gives_what_the_plain_one_gives(prefixes: list[int]) -> None:
    model = made(TINY).bfloat16()
    ids, segments = tokens(sum(LENGTHS)), Segments.of(LENGTHS, prefixes=prefixes)
    expected, _ = model.encode(ids, segments)

    found, _ = model.cuda().encode(ids.cuda(), segments.to("cuda"))

    torch.testing.assert_close(found.cpu(), expected, atol=0.05, rtol=0.05)
