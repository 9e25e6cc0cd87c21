// Command admission is what the benchmark compares with and measures with.
//
//	admission serve PORT CERT KEY        a webhook that decodes the uid of a review, and allows it
//	admission load URL CA FILE N CONNS [CERT KEY]
//	                                     posts the N bodies in FILE, one a line, again and again if they are fewer, as
//	                                     the client of a certificate; prints how many succeeded, and the microseconds
//	                                     that each took
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID string `json:"uid"`
}

type response struct {
	UID     string `json:"uid"`
	Allowed bool   `json:"allowed"`
}

func answer(w http.ResponseWriter, r *http.Request) {
	var in review
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	out := review{APIVersion: in.APIVersion, Kind: in.Kind, Response: &response{UID: in.Request.UID, Allowed: true}}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		log.Print(err)
	}
}

func serve(port, cert, key string) error {
	// Without HTTP/2, as the load has it: so every server answers the same requests.
	server := &http.Server{
		Addr:         "127.0.0.1:" + port,
		Handler:      http.HandlerFunc(answer),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	return server.ListenAndServeTLS(cert, key)
}

func load(url, authority, file string, count, connections int, pair []string) error {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	bodies := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	config := &tls.Config{RootCAs: roots}
	if len(pair) == 2 {
		certificate, err := tls.LoadX509KeyPair(pair[0], pair[1])
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: connections}}
	micros := make([]int64, count)
	var next, succeeded atomic.Int64
	var wait sync.WaitGroup
	for range connections {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for number := next.Add(1) - 1; number < int64(count); number = next.Add(1) - 1 {
				begin := time.Now()
				reply, err := client.Post(url, "application/json", bytes.NewReader(bodies[int(number)%len(bodies)]))
				if err != nil {
					log.Print(err)
					continue
				}
				body, err := io.ReadAll(reply.Body)
				reply.Body.Close()
				micros[number] = time.Since(begin).Microseconds()
				if err == nil && reply.StatusCode < 300 && !bytes.Contains(body, []byte(`"allowed":false`)) {
					succeeded.Add(1)
				}
			}
		}()
	}
	wait.Wait()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, succeeded.Load())
	for _, each := range micros {
		fmt.Fprintln(out, each)
	}
	return nil
}

func main() {
	var err error
	switch arguments := os.Args[1:]; {
	case len(arguments) == 4 && arguments[0] == "serve":
		err = serve(arguments[1], arguments[2], arguments[3])
	case (len(arguments) == 6 || len(arguments) == 8) && arguments[0] == "load":
		count, _ := strconv.Atoi(arguments[4])
		connections, _ := strconv.Atoi(arguments[5])
		err = load(arguments[1], arguments[2], arguments[3], count, connections, arguments[6:])
	default:
		err = fmt.Errorf("usage: admission serve PORT CERT KEY | load URL CA FILE N CONNECTIONS [CERT KEY]")
	}
	if err != nil {
		log.Fatal(err)
	}
}
