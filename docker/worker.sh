#!/usr/bin/env bash
# The study of params.yaml (or the stages named), from the store and back into it: what was done before is not done again.
# S3_ENDPOINT, DVC_BUCKET, AWS_* and MLFLOW_TRACKING_URI come from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

dvc remote add --local --force --default store "s3://${DVC_BUCKET}"
dvc remote modify --local store endpointurl "${S3_ENDPOINT}"
# the sample's inputs lie in the repository; another study's in the store
dvc pull --quiet data.dvc encoder.dvc || dvc pull --quiet --remote embedded data.dvc encoder.dvc
dvc push --quiet data.dvc encoder.dvc
trap 'dvc push --quiet --run-cache' EXIT    # what was finished stays, whatever ends the rest
dvc repro --pull "$@"
# who sends to MLflow ends with the container: what it has not sent yet is sent here
if [ $# -gt 0 ]; then python -m stages.deliver || true; else python -m stages.summary; fi
