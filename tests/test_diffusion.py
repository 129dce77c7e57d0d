"""The names of the diffusion modules in one place."""

import pytest

from teachkit import diffusion, diffusion_forward, diffusion_reverse, sampling

MODULES = [diffusion_forward, diffusion_reverse, sampling]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_name_of_a_module_is_here(module):
    assert {name: getattr(diffusion, name) for name in module.__all__} == {
        name: getattr(module, name) for name in module.__all__
    }


def test_what_the_contract_names_is_here():
    wanted = "Schedule linear_schedule cosine_schedule q_sample posterior ideal_denoiser ancestral ddim"
    assert set(wanted.split()) <= set(diffusion.__all__)
