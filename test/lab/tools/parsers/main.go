// Package main answers how the parsers of Kubernetes read texts. It reads one question per line, a JSON object with
// the fields parser and text, and writes one line of JSON for each: the value, or null if the text is refused.
package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	netutils "k8s.io/utils/net"
	"sigs.k8s.io/yaml"
)

type question struct {
	Parser string `json:"parser"`
	Text   string `json:"text"`
}

// The addresses from First to Last. An IPv4-mapped address is an IPv4 address, as for the package net.
type addressRange struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

var parsers = map[string]func(string) any{
	"address": func(text string) any {
		if ip := netutils.ParseIPSloppy(text); ip != nil {
			return textOf(ip)
		}
		return nil
	},
	"range":        rangeIn,
	"source range": func(text string) any { return cidrIn(strings.TrimSpace(text)) },
	"addresses":    addressesIn,
	"duration": func(text string) any {
		if value, err := time.ParseDuration(text); err == nil {
			return float64(value) / float64(time.Millisecond)
		}
		return nil
	},
	"flag": func(text string) any {
		if value, err := strconv.ParseBool(text); err == nil {
			return value
		}
		return nil
	},
	"yaml": func(text string) any {
		if value, err := yaml.YAMLToJSON([]byte(text)); err == nil {
			return json.RawMessage(value)
		}
		return nil
	},
}

func textOf(ip net.IP) string {
	address, _ := netip.AddrFromSlice(ip)
	return address.Unmap().String()
}

func cidrIn(text string) any {
	_, network, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return nil
	}
	last := make(net.IP, len(network.IP))
	for i := range last {
		last[i] = network.IP[i] | ^network.Mask[i]
	}
	return addressRange{textOf(network.IP), textOf(last)}
}

// The forms of a pool's addresses in MetalLB: a CIDR, or the first and the last address. Berth also takes one address.
func rangeIn(text string) any {
	if strings.Contains(text, "/") {
		return cidrIn(text)
	}
	before, after, isRange := strings.Cut(text, "-")
	if !isRange {
		after = before
	}
	first := netutils.ParseIPSloppy(strings.TrimSpace(before))
	last := netutils.ParseIPSloppy(strings.TrimSpace(after))
	if first == nil || last == nil {
		return nil
	}
	a, _ := netip.AddrFromSlice(first)
	b, _ := netip.AddrFromSlice(last)
	if a.Unmap().Is4() != b.Unmap().Is4() || b.Less(a) {
		return nil
	}
	return addressRange{textOf(first), textOf(last)}
}

// The annotation loadBalancerIPs, as MetalLB reads it: addresses with commas between them.
func addressesIn(text string) any {
	found := []string{}
	for _, part := range strings.Split(text, ",") {
		ip := net.ParseIP(strings.TrimSpace(part))
		if ip == nil {
			return nil
		}
		found = append(found, textOf(ip))
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := answers.Encode(parsers[asked.Parser](asked.Text)); err != nil {
			panic(err)
		}
	}
}
