/** The failures of Kubernetes' suite that are known, each with its cause; docs/conformance.md tells more. */

/** By the test's name without its labels. */
export const explainedFailures: Readonly<Record<string, string>> = {
  'LoadBalancers should handle load balancer cleanup finalizer for service':
    "the finalizer is an affair of cloud providers' controllers; Berth frees an address by its own record of who has it",
};
