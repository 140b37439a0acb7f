# docker build -t competitions . && docker run --rm -v "$PWD/build:/app/build" competitions
FROM python:3.11-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make git libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile pyproject.toml requirements.lock ./
RUN make install
COPY . .
RUN touch .venv/installed
CMD ["make", "all"]
