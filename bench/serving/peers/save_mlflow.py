"""Saves a booster as MLflow does: save_mlflow.py MODEL FOLDER"""

import sys

import mlflow
import xgboost

mlflow.xgboost.save_model(xgboost.Booster({"nthread": 1}, model_file=sys.argv[1]), sys.argv[2], pip_requirements=[])
