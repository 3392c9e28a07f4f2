/** The failures of Kubernetes' suite that are known, each with its cause; docs/conformance.md tells more. */

/** By the test's name without its labels. */
export const explainedFailures: Readonly<Record<string, string>> = {
  'LoadBalancers should handle load balancer cleanup finalizer for service':
    "the finalizer is an affair of cloud providers' controllers; Berth frees an address by its own record of who has it",
  'LoadBalancers should be able to switch session affinity for LoadBalancer service with Local traffic policy':
    "all of a client's connections enter by one node, and Local keeps them on that node's endpoints: it has one of the three",
};
