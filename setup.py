"""Installs `selfplay`: `pip install -e . -c constraints.txt`."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="selfplay",
    version="0.1.0",
    description="Self-play game engines after AlphaZero: "
    "search amplifies, learning distils, both are measured",
    long_description=Path(__file__).with_name("README.md").read_text()
    if Path(__file__).with_name("README.md").exists()
    else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["selfplay*", "games*", "native*"]),
        "selfplay.presets",
        "selfplay.books",
        "selfplay.exams",
    ],
    package_data={
        "selfplay.presets": ["*.toml", "*.json"],
        "selfplay.exams": ["*.txt"],
        "selfplay.books": ["*.txt"],
    },
    install_requires=[
        "numpy>=2.0,<3",
        "numba>=0.61,<0.70",
        "torch>=2.6,<3",
        "ray>=2.52,<3",
        "tensorboard>=2.16,<3",
        "rich>=13,<16",
        "msgspec>=0.18,<1",
        "safetensors>=0.4,<1",
        "sgfmill>=1.1,<2",
        "tomli-w>=1.0,<2",
    ],
    extras_require={
        "openvino": ["openvino>=2025.0"],
        "dev": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6",
            "ruff>=0.6",
            "setuptools>=69",
            "open_spiel>=2.0.2,<3; platform_system == 'Linux'",
            "mctx>=0.0.6,<0.1",
        ],
    },
    entry_points={"console_scripts": ["selfplay=selfplay.cli:main"]},
)
