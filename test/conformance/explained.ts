/** The known failures of Kubernetes' suite, each with its cause; docs/conformance.md has the details. */

/** Causes by the name of the test, without its labels. */
export const explainedFailures: Readonly<Record<string, string>> = {
  'LoadBalancers should handle load balancer cleanup finalizer for service':
    "the finalizer belongs to cloud providers' controllers; Berth releases an address by its own record, the IPAllocation",
  'LoadBalancers should be able to switch session affinity for LoadBalancer service with Local traffic policy':
    "all connections of a client enter by one node, and Local keeps them on that node's endpoints: one of the three",
};
