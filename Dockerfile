# Berth's image: one bundle, two roles. Build it with:
#   npm run build && docker build -t berth .
# for this machine, or for both architectures, from one dist/ that holds the native module's binary for each (1.1 MB):
#   npm run build -- --arch amd64 --arch arm64
#   docker buildx build --platform linux/amd64,linux/arm64 -t berth .
# What is in it: /berth/sbom.json (CycloneDX); for the base's packages ask the base.
# The base needs Node.js 26 as /usr/local/bin/node, or on its PATH, and glibc.
ARG BASE=docker.io/library/node:26-bookworm-slim
FROM ${BASE}
LABEL org.opencontainers.image.title=Berth org.opencontainers.image.licenses=Apache-2.0
# The speaker writes its rules with nft. It must not be older than what they need (1.0.6); a base may bring it along.
RUN command -v nft >/dev/null || { apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*; }
COPY dist/ /berth/
ENV NODE_ENV=production
WORKDIR /berth
USER 65532:65532
# A small young generation, and an old one that is collected when it has grown by half and not by a multiple of itself, keep the resident
# size down: at 10,000 Services by about 100 MB, for a tenth more time per pass (docs/measurements.md).
ENTRYPOINT ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "/berth/main.js"]
