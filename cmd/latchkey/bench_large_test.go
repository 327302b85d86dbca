package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkLarge is what it costs to pass 256 MiB down and up with an API key,
// beside a bare reverse proxy.
//
//	go test -run '^$' -bench '^BenchmarkLarge$' -benchtime 5x ./cmd/latchkey
func BenchmarkLarge(b *testing.B) {
	upstream, _ := startPeer(b, "upstream", "")
	bareAddr, barePID := startPeer(b, "bare", "http://"+upstream)
	d := newMeasured(b, benchRoutes(upstream))
	d.start()
	d.do("user", "create", "alice", "--email", "alice@example.com")
	key := "X-JFrog-Art-Api: " + d.do("apikey", "create", "alice")

	type transfer struct {
		name, addr string
		pid        int
		request    string
		body       int
		speed, cpu []float64 // GiB/s, CPU s/GiB
	}
	size := strconv.Itoa(largeBody)
	down := func(addr, header string) string { return get(addr, "/app/x?size="+size, header) }
	up := func(addr, header string) string {
		return strings.Replace(get(addr, "/app/x", header+"\r\nContent-Length: "+size), "GET", "PUT", 1)
	}
	transfers := []*transfer{
		{name: "down: bare httputil.ReverseProxy", addr: bareAddr, pid: barePID, request: down(bareAddr, "X-Nothing: x")},
		{name: "down: API key", addr: d.http, pid: d.pid(), request: down(d.http, key)},
		{name: "up: bare httputil.ReverseProxy", addr: bareAddr, pid: barePID, request: up(bareAddr, "X-Nothing: x"), body: largeBody},
		{name: "up: API key", addr: d.http, pid: d.pid(), request: up(d.http, key), body: largeBody},
	}
	piece := make([]byte, 256<<10)
	rounds := 0
	for b.Loop() {
		rounds++
		for _, t := range transfers {
			c, err := dialBench(t.addr, t.request)
			if err != nil {
				b.Fatal(err)
			}
			before, begun := cpuOf(b, t.pid), time.Now()
			_, err = c.Write(c.request)
			for sent := 0; err == nil && sent < t.body; sent += len(piece) {
				_, err = c.Write(piece)
			}
			if err == nil {
				err = c.answer()
			}
			took, used := time.Since(begun).Seconds(), cpuOf(b, t.pid)-before
			c.Close()
			if err != nil {
				b.Fatalf("%s: %v", t.name, err)
			}
			const gib = float64(largeBody) / (1 << 30)
			t.speed, t.cpu = append(t.speed, gib/took), append(t.cpu, used.Seconds()/gib)
		}
	}
	rows := []string{"|GiB/s|CPU s/GiB|× bare"}
	for i, t := range transfers {
		rows = append(rows, fmt.Sprintf("%s|%.2f|%.2f|%.2f", t.name, median(t.speed), median(t.cpu), ratio(t.cpu, transfers[i&^1].cpu)))
	}
	printTable(fmt.Sprintf("HTTP: bodies of 256 MiB, medians of %d rounds", rounds), rows...)
	b.ReportMetric(ratio(transfers[1].cpu, transfers[0].cpu), "down×bare")
	b.ReportMetric(ratio(transfers[3].cpu, transfers[2].cpu), "up×bare")
}
