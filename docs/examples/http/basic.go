// Files one declaration over HTTP and waits for its release, with Go's library alone (1.19 or newer):
//
//	go run docs/examples/http/basic.go docs/examples/import-9610.json
//
// SW_DATA_DIR says where the data of a sandbox is.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// snippet: client
type window struct {
	http    http.Client
	address string
	key     string
}

func sandbox(data, caller string) (*window, error) {
	authority, err := os.ReadFile(filepath.Join(data, "identities", "authority.pem"))
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(data, "identities", caller+".api-key"))
	if err != nil {
		return nil, err
	}
	address, err := os.ReadFile(filepath.Join(data, "address"))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	client := http.Client{Transport: transport, Timeout: 30 * time.Second}
	return &window{client, strings.TrimSpace(string(address)), strings.TrimSpace(string(key))}, nil
}

// end

// snippet: call
// call repeats under the same id what says "not now": no answer, 429 and 503.
func (w *window) call(method, path string, body []byte, id string) (int, []byte, error) {
	for pause, tries := 50*time.Millisecond, 0; ; tries++ {
		request, err := http.NewRequest(method, "https://"+w.address+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, err
		}
		request.Header.Set("Authorization", "Bearer "+w.key)
		request.Header.Set("Idempotency-Key", id)
		answer, err := w.http.Do(request)
		least := pause
		if err == nil {
			said, cut := io.ReadAll(answer.Body)
			answer.Body.Close()
			later := answer.StatusCode == 429 || answer.StatusCode == 503
			if cut == nil && (!later || tries == 12) {
				return answer.StatusCode, said, nil
			}
			seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
			if wanted := time.Duration(seconds) * time.Second; wanted > least {
				least = wanted
			}
			err = cut
		}
		if tries == 12 {
			return 0, nil, err
		}
		time.Sleep(least + time.Duration(mathrand.Int63n(int64(pause))))
		if pause *= 2; pause > 5*time.Second {
			pause = 5 * time.Second
		}
	}
}

// end

func uuid() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func run() error {
	w, err := sandbox(os.Getenv("SW_DATA_DIR"), "enterprise-a")
	if err != nil {
		return err
	}
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var declaration map[string]any
	if err := json.Unmarshal(file, &declaration); err != nil {
		return err
	}
	// Each run of the sample is an order of its own.
	order := "GO-" + uuid()[24:]
	declaration["order_no"], declaration["cop_no"] = order, order
	// snippet: submit
	body, err := json.Marshal(map[string]any{"declaration": declaration})
	if err != nil {
		return err
	}
	status, said, err := w.call("POST", "/v1/declarations", body, uuid())
	if err != nil {
		return err
	}
	if status != 200 {
		// application/problem+json: code, message, every broken rule with its field, in both languages.
		return fmt.Errorf("%s", said)
	}
	fmt.Printf("filed %s\n", said)
	// end
	// snippet: wait
	for {
		_, said, err := w.call("GET", "/v1/declarations/number/"+order, nil, uuid())
		if err != nil {
			return err
		}
		var found struct{ Record struct{ State string } }
		if err := json.Unmarshal(said, &found); err != nil {
			return err
		}
		fmt.Println(found.Record.State)
		if found.Record.State == "STATE_RELEASED" {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	// end
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
