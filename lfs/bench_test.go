package lfs_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// cpu is what this process has used, client and server.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU adds CPU seconds per GiB, of client and server together.
func reportCPU(b *testing.B, bytes int64, used time.Duration) {
	b.SetBytes(bytes)
	b.ReportMetric(used.Seconds()/(float64(bytes)*float64(b.N)/(1<<30)), "cpu-s/GiB")
}

func BenchmarkUpload(b *testing.B) {
	for name, size := range map[string]int{"20KiB": 20 << 10, "64MiB": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b)
			content := random(size)
			var used time.Duration
			for number := 0; b.Loop(); number++ {
				b.StopTimer()
				copy(content, fmt.Sprint(number)) // another object each time
				o := describe(content)
				before := cpu()
				b.StartTimer()
				if r := s.do(b, "alice", "PUT", base+"/objects/"+o.OID, bytes.NewReader(content)); r.status != 200 {
					b.Fatal(r.status)
				}
				used += cpu() - before
			}
			reportCPU(b, int64(size), used)
		})
	}
}

func BenchmarkUploadParallel20KiB(b *testing.B) {
	s := newServer(b)
	b.SetParallelism(4)
	before := cpu()
	b.RunParallel(func(pb *testing.PB) {
		content := random(20 << 10)
		for i := 0; pb.Next(); i++ {
			copy(content, fmt.Sprint(i))
			if r := s.do(b, "alice", "PUT", base+"/objects/"+describe(content).OID, bytes.NewReader(content)); r.status != 200 {
				b.Error(r.status)
			}
		}
	})
	reportCPU(b, 20<<10, cpu()-before)
}

func BenchmarkDownload(b *testing.B) {
	for name, size := range map[string]int{"20KiB": 20 << 10, "64MiB": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b)
			o := s.put(b, "alice", base, random(size))
			r, err := http.NewRequest("GET", s.URL+base+"/objects/"+o.OID, nil)
			if err != nil {
				b.Fatal(err)
			}
			r.SetBasicAuth("alice", "secret")
			before := cpu()
			for b.Loop() {
				resp, err := s.Client().Do(r)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); n != int64(size) || err != nil {
					b.Fatal(n, err)
				}
				resp.Body.Close()
			}
			reportCPU(b, int64(size), cpu()-before)
		})
	}
}

func BenchmarkBatchOf100(b *testing.B) {
	s := newServer(b)
	ask := batch{Operation: "upload"}
	for i := range 100 {
		content := random(100)
		if i%2 == 0 {
			s.put(b, "alice", base, content)
		}
		ask.Objects = append(ask.Objects, describe(content))
	}
	for b.Loop() {
		s.batch(b, "alice", base, ask)
	}
}
