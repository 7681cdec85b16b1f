"""The chain from an endpoint back to the commit."""

from hone.records import Deployment, Endpoint, Manifest, ModelVersion, SourceUse, Verdict
from registry.provenance import chain

VERDICT = Verdict(True, ("400 tasks is at least 100",), "sha256:adapter", "sha256:evidence", "sha256:policy")
VERSION = ModelVersion(
    "hone-code", "2", "run-7", "sha256:adapter", "sha256:base", "sha256:dataset", "c0ffee", VERDICT, ("champion",)
)
MANIFEST = Manifest("sha256:dataset", (SourceUse("generated", "generated", "", "", 0, 14_480, 3),), ())


def endpoint(version: str = "2", adapter: str = "sha256:adapter", image: str = "sha256:image") -> Endpoint:
    running = Deployment(
        "d1",
        "hone-code",
        version,
        adapter,
        "docker",
        "http://127.0.0.1:4000",
        "hone-d1",
        image,
        "hone-code:2",
        5_000_000,
    )
    return Endpoint(generation=3, deployment=running)


def test_the_chain_of_an_endpoint_walks_from_its_address_to_the_commit():
    links = chain(VERSION, endpoint(), MANIFEST)
    assert [link.what for link in links] == [
        "endpoint",
        "deployment",
        "image",
        "version",
        "adapter",
        "verdict",
        "evidence",
        "run",
        "dataset",
        "commit",
    ]
    assert [link.value for link in links[:3]] == ["http://127.0.0.1:4000", "hone-d1 (docker)", "sha256:image"]
    assert [link.value for link in links[-3:]] == ["run-7", "sha256:dataset", "c0ffee"]


def test_a_version_that_does_not_serve_has_no_deployment_in_its_chain():
    assert chain(VERSION, endpoint(version="1"), None)[0].what == "version"
    assert chain(VERSION, None, None)[0].what == "version"


def test_a_deployment_of_other_bytes_is_said_aloud():
    [deployment] = [link for link in chain(VERSION, endpoint(adapter="sha256:x"), None) if link.what == "deployment"]
    assert "serves ANOTHER adapter: sha256:x" in deployment.details


def test_the_sources_are_shown_only_where_the_manifest_is_of_this_dataset():
    other = Manifest("sha256:other", MANIFEST.sources, ())
    details = [
        next(link.details for link in chain(VERSION, None, each) if link.what == "dataset")
        for each in (MANIFEST, other)
    ]
    assert details == [("generated (generated): 14480 examples",), ()]


def test_the_process_engine_has_no_image():
    [image] = [link for link in chain(VERSION, endpoint(image=""), None) if link.what == "image"]
    assert image.value.startswith("none")
