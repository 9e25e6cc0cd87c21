"""Pod templates that custom objects hold in places of their own.

Previews and scans look there. Admission does not: it sees the pods that come of them, and patches no custom object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from patches.errors import InvalidObject
from patches.model.pod import TEMPLATES, Origin, Pod, check_pod, locate
from patches.model.shapes import Json, check_claims

_LIST: Final = "[]"


class TemplatePath(NamedTuple):
    """Where the objects of a kind hold a pod template.

    Attributes:
        group: their API group.
        kind: their kind.
        path: the fields that lead to the template, joined by dots; `[]` behind a field walks a list.
        source: where that is written; "" for one of the configuration.
    """

    group: str
    kind: str
    path: str
    source: str = ""


def _rows(source: str, group: str, *places: tuple[str, str]) -> tuple[TemplatePath, ...]:
    return tuple(TemplatePath(group, kind, path, source) for kind, path in places)


_KUBEFLOW: Final = "github.com/kubeflow/training-operator v1.9.0 manifests/base/crds; MXJob: v1.8.1"
_RAY: Final = "github.com/ray-project/kuberay ray-operator v1.5.0 config/crd/bases; RayCronJob: apis/ray/v1"
_SPARK: Final = "github.com/kubeflow/spark-operator api/v1beta2, SparkPodSpec; SparkConnect: api/v1alpha1"

WELL_KNOWN: Final[tuple[TemplatePath, ...]] = (
    *_rows(
        "github.com/openshift/api apps/v1/types.go, DeploymentConfigSpec",
        "apps.openshift.io",
        ("DeploymentConfig", "spec.template"),
    ),
    *_rows(
        "github.com/argoproj/argo-rollouts v1.8.3 manifests/crds",
        "argoproj.io",
        ("AnalysisRun", "spec.metrics[].provider.job.spec.template"),
        ("AnalysisTemplate", "spec.metrics[].provider.job.spec.template"),
        ("ClusterAnalysisTemplate", "spec.metrics[].provider.job.spec.template"),
        ("Experiment", "spec.templates[].template"),
        ("Rollout", "spec.template"),
    ),
    *_rows(
        "github.com/openkruise/kruise-api v1.8.0 apps/v1alpha1",
        "apps.kruise.io",
        ("AdvancedCronJob", "spec.template.broadcastJobTemplate.spec.template"),
        ("AdvancedCronJob", "spec.template.jobTemplate.spec.template"),
        ("BroadcastJob", "spec.template"),
        ("CloneSet", "spec.template"),
        ("DaemonSet", "spec.template"),
        ("StatefulSet", "spec.template"),
        ("UnitedDeployment", "spec.template.advancedStatefulSetTemplate.spec.template"),
        ("UnitedDeployment", "spec.template.cloneSetTemplate.spec.template"),
        ("UnitedDeployment", "spec.template.deploymentTemplate.spec.template"),
        ("UnitedDeployment", "spec.template.statefulSetTemplate.spec.template"),
    ),
    *_rows(
        "github.com/volcano-sh/apis pkg/apis/batch/v1alpha1/job.go",
        "batch.volcano.sh",
        ("Job", "spec.tasks[].template"),
    ),
    *_rows(
        "github.com/volcano-sh/apis pkg/apis/flow/v1alpha1: its spec is that of a Job",
        "flow.volcano.sh",
        ("JobTemplate", "spec.tasks[].template"),
    ),
    *_rows(
        "sigs.k8s.io/jobset v0.8.0 config/components/crd/bases",
        "jobset.x-k8s.io",
        ("JobSet", "spec.replicatedJobs[].template.spec.template"),
    ),
    *_rows(
        "github.com/kedacore/keda/v2 v2.21.0 config/crd/bases",
        "keda.sh",
        ("ScaledJob", "spec.jobTargetRef.template"),
    ),
    *_rows(
        _KUBEFLOW,
        "kubeflow.org",
        ("JAXJob", "spec.jaxReplicaSpecs.Worker.template"),
        ("MPIJob", "spec.mpiReplicaSpecs.Launcher.template"),
        ("MPIJob", "spec.mpiReplicaSpecs.Worker.template"),
        ("MXJob", "spec.mxReplicaSpecs.Scheduler.template"),
        ("MXJob", "spec.mxReplicaSpecs.Server.template"),
        ("MXJob", "spec.mxReplicaSpecs.Tuner.template"),
        ("MXJob", "spec.mxReplicaSpecs.TunerServer.template"),
        ("MXJob", "spec.mxReplicaSpecs.TunerTracker.template"),
        ("MXJob", "spec.mxReplicaSpecs.Worker.template"),
        ("PaddleJob", "spec.paddleReplicaSpecs.Master.template"),
        ("PaddleJob", "spec.paddleReplicaSpecs.Worker.template"),
        ("PyTorchJob", "spec.pytorchReplicaSpecs.Master.template"),
        ("PyTorchJob", "spec.pytorchReplicaSpecs.Worker.template"),
        ("TFJob", "spec.tfReplicaSpecs.Chief.template"),
        ("TFJob", "spec.tfReplicaSpecs.Evaluator.template"),
        ("TFJob", "spec.tfReplicaSpecs.Master.template"),
        ("TFJob", "spec.tfReplicaSpecs.PS.template"),
        ("TFJob", "spec.tfReplicaSpecs.Worker.template"),
        ("XGBoostJob", "spec.xgbReplicaSpecs.Master.template"),
        ("XGBoostJob", "spec.xgbReplicaSpecs.Worker.template"),
    ),
    *_rows(
        "sigs.k8s.io/lws v0.6.0 config/crd/bases",
        "leaderworkerset.x-k8s.io",
        ("LeaderWorkerSet", "spec.leaderWorkerTemplate.leaderTemplate"),
        ("LeaderWorkerSet", "spec.leaderWorkerTemplate.workerTemplate"),
    ),
    *_rows(
        _RAY,
        "ray.io",
        ("RayCluster", "spec.headGroupSpec.template"),
        ("RayCluster", "spec.workerGroupSpecs[].template"),
        ("RayCronJob", "spec.jobTemplate.rayClusterSpec.headGroupSpec.template"),
        ("RayCronJob", "spec.jobTemplate.rayClusterSpec.workerGroupSpecs[].template"),
        ("RayCronJob", "spec.jobTemplate.submitterPodTemplate"),
        ("RayJob", "spec.rayClusterSpec.headGroupSpec.template"),
        ("RayJob", "spec.rayClusterSpec.workerGroupSpecs[].template"),
        ("RayJob", "spec.submitterPodTemplate"),
        ("RayService", "spec.rayClusterConfig.headGroupSpec.template"),
        ("RayService", "spec.rayClusterConfig.workerGroupSpecs[].template"),
    ),
    *_rows(
        "knative.dev/serving v0.51.0 config/core/300-resources",
        "serving.knative.dev",
        ("Configuration", "spec.template"),
        ("Service", "spec.template"),
    ),
    *_rows(
        _SPARK,
        "sparkoperator.k8s.io",
        ("ScheduledSparkApplication", "spec.template.driver.template"),
        ("ScheduledSparkApplication", "spec.template.executor.template"),
        ("SparkApplication", "spec.driver.template"),
        ("SparkApplication", "spec.executor.template"),
        ("SparkConnect", "spec.executor.template"),
        ("SparkConnect", "spec.server.template"),
    ),
    *_rows(
        "github.com/kubeflow/trainer/v2 v2.0.0 manifests/base/crds",
        "trainer.kubeflow.org",
        ("ClusterTrainingRuntime", "spec.template.spec.replicatedJobs[].template.spec.template"),
        ("TrainingRuntime", "spec.template.spec.replicatedJobs[].template.spec.template"),
    ),
)
"""The custom workloads that are known without configuration."""


class CustomTemplates:
    """The custom kinds that hold pod templates: the well-known ones, and those of the configuration."""

    def __init__(self, configured: Iterable[TemplatePath] = ()) -> None:
        """Add these to the well-known ones."""
        self.paths: dict[tuple[str, str], list[str]] = {}
        for row in (*WELL_KNOWN, *configured):
            paths = self.paths.setdefault((row.group, row.kind), [])
            if row.path not in paths:
                paths.append(row.path)

    def knows(self, document: Json) -> bool:
        """Whether a document is of a kind that holds a pod, or may."""
        return kind_of(document) in TEMPLATES or kind_of(document) in self.paths

    def locate(self, document: Json, origin: Origin) -> tuple[Pod, ...]:
        """Find the pods and pod templates in a document: several in some custom objects, one at most in all others.

        Raises:
            InvalidObject: a field that leads to a pod, or a field of one that a rule reads, has a wrong type.
            ObjectTooLarge: the object has more of something than a review looks at.
        """
        paths = self.paths.get(kind_of(document), ())
        if not paths:
            pod = locate(document, origin)
            return () if pod is None else (pod,)
        found = [place for path in paths for place in _walk(document, path.split("."), ())]
        if found:
            check_pod({"metadata": document.get("metadata")})
        return tuple(_pod(document, tokens, node, origin) for tokens, node in found)


def _pod(document: Json, tokens: Sequence[str | int], node: Any, origin: Origin) -> Pod:
    check_pod(_with_names(node), _field(tokens))
    if document["kind"] == "StatefulSet":  # OpenKruise's
        check_claims(document)
    return Pod(document, "".join(f"/{token}" for token in tokens), document["kind"], origin)


def _with_names(template: Any) -> Any:
    """The template with a name for each container: Knative adds those that are missing."""
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    if not isinstance(containers, list):
        return template
    named = [{"name": "", **container} if isinstance(container, dict) else container for container in containers]
    return {**template, "spec": {**spec, "containers": named}}


def kind_of(document: Json) -> tuple[str, str]:
    """The API group and the kind of a document; "" for each that is not text."""
    if not isinstance(document, dict):
        return "", ""
    version, kind = document.get("apiVersion"), document.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    return group, kind if isinstance(kind, str) else ""


def _walk(node: Any, steps: Sequence[str], at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if node is None:
        return
    if not isinstance(node, dict):
        raise InvalidObject(_field(at), "Expected `object`")
    if not steps:
        yield at, node
        return
    name = steps[0].removesuffix(_LIST)
    value = node.get(name)
    if name == steps[0]:
        yield from _walk(value, steps[1:], (*at, name))
        return
    if not isinstance(value, list | None):
        raise InvalidObject(_field((*at, name)), "Expected `array`")
    for index, item in enumerate(value or ()):
        yield from _walk(item, steps[1:], (*at, name, index))


def _field(tokens: Sequence[str | int]) -> str:
    return "".join(f"[{token}]" if isinstance(token, int) else f".{token}" for token in tokens).lstrip(".")
