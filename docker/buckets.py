"""Make the buckets that do not exist yet, once the store answers.

python docker/buckets.py mlflow dvc          (S3_ENDPOINT and AWS_* in the environment)
"""

import os
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 60
HAVE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def main() -> None:
    """Make the buckets named on the command line."""
    endpoint = os.environ["S3_ENDPOINT"]
    client = boto3.client("s3", endpoint_url=endpoint)
    deadline = time.monotonic() + PATIENCE_SECONDS
    for bucket in sys.argv[1:]:
        while True:
            try:
                client.create_bucket(Bucket=bucket)
                print(f"{bucket}: made")
                break
            except ClientError as error:
                if error.response["Error"]["Code"] not in HAVE:
                    sys.exit(f"error: the S3 store {endpoint} refused bucket {bucket}: {error}")
                print(f"{bucket}: there")
                break
            except BotoCoreError as error:
                if time.monotonic() > deadline:
                    sys.exit(f"error: the S3 store {endpoint} does not answer: {error}")
                time.sleep(1)


if __name__ == "__main__":
    main()
