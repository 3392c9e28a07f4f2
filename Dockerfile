# Berth's image: one bundle, two roles. Build it with:
#   npm run build && docker build -t berth .
# The base needs Node.js 26 as /usr/local/bin/node, or on its PATH, and glibc.
ARG BASE=docker.io/library/node:26-bookworm-slim
FROM ${BASE}
COPY dist/ /berth/
ENV NODE_ENV=production
WORKDIR /berth
USER 65532:65532
# A young generation of 1 MiB keeps the resident size down: Berth allocates little.
ENTRYPOINT ["node", "--max-semi-space-size=1", "/berth/main.js"]
