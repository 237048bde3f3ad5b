wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"type":"noop","payload":{"documentType":"spreadsheet","title":"Sales Report","sessionId":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","userId":123,"code":"print(1)","more":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}'

done = function(summary, latency, requests)
    io.write(string.format("%.0f %.2f %.2f %d\n",
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
        latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
